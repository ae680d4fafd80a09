"""`python -m benchmarks.profile`: where the time of a batch goes, statement by statement and in Python.

Three looks at the same load, because looking costs time: the batch alone, its statements timed from
the client, and its functions under cProfile.
"""

import argparse
import cProfile
import gc
import os
import pstats
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from benchmarks.crew import Crew
from benchmarks.world import Load, World, make_worlds, payloads
from stack import Stack

_SHOWN: Final = 45


def profile(work: tuple[World, Load, int]) -> str:
    """Return the report of a load as lines of text."""
    world, load, shown = work
    from ledger.engine.posting import post

    def batches(seed: int) -> list[Any]:
        return _batches(world, load, seed)

    post(batches(1)[0])
    said = [f"{load.operations} operations, {load.batch} a batch, by {load.by}"]
    prepared = batches(2)
    gc.collect()
    gc.freeze()  # what was prepared would not be there in a service
    client, server = time.process_time(), _server_seconds()
    seconds = _timed(post, prepared)
    client, server = time.process_time() - client, _server_seconds() - server
    said.append(
        f"alone: {seconds * 1000:.1f} ms a batch, {load.batch / seconds:,.0f} operations/s; of that on a "
        f"processor {client / len(prepared) * 1000:.1f} ms in Python and "
        f"{server / len(prepared) * 1000:.1f} ms in PostgreSQL"
    )
    statements: dict[str, list[float]] = defaultdict(list)
    with _statements(statements):
        seconds = _timed(post, batches(3))
    number = load.operations // load.batch
    in_statements = sum(map(sum, statements.values())) / number
    said.append(f"in statements: {in_statements * 1000:.1f} ms of {seconds * 1000:.1f} ms a batch")
    for name, times in sorted(statements.items(), key=lambda item: -sum(item[1])):
        said.append(f"  {sum(times) / number * 1000:7.2f} ms  {len(times) / number:4.1f} ×  {name}")
    profiler = cProfile.Profile()
    prepared = batches(4)
    profiler.enable()
    for batch in prepared:
        post(batch)
    profiler.disable()
    said += _functions(profiler, number, shown)
    return "\n".join(said)


def _batches(world: World, load: Load, seed: int) -> list[Any]:
    from uuid import uuid4

    from django.utils import timezone

    from easyautoml_ledger.operations import OPERATION_ADAPTER
    from ledger.engine.submission import Sender
    from ledger.requests.operations import operation_submission

    made = [
        operation_submission(
            OPERATION_ADAPTER.validate_python(payload),
            Sender(
                source="/benchmarks",
                request_id=str(uuid4()),
                received_at=timezone.now(),
                actor="benchmarks",
            ),
        )
        for payload in payloads(
            world, Load(operations=load.operations, batch=load.batch, by=load.by, seed=seed)
        )
    ]
    return [made[start : start + load.batch] for start in range(0, len(made), load.batch)]


def _timed(post: Callable[[Any], Any], batches: Sequence[Any]) -> float:
    started = time.perf_counter()
    for batch in batches:
        post(batch)
    return (time.perf_counter() - started) / len(batches)


def _server_seconds() -> float:
    """The processor time that the connection's backend has had; 0 where it cannot be known."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        row = cursor.fetchone()
    path = Path(f"/proc/{row[0] if row else 0}/stat")
    if not path.exists():
        return 0.0
    fields = path.read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def _statements(found: dict[str, list[float]]) -> Iterator[None]:
    """Time every statement as the engine sees it: sending, waiting and reading the answer."""
    from unittest.mock import patch

    from django.db import connection

    from events import copying, store
    from ledger.engine import journal

    def note(name: str, started: float) -> None:
        name = re.sub(r"'(?:[^']|'')*'", "…", " ".join(name.split()))  # rows that are sent as values
        name = re.sub(r" \(.*?\) values \(.*?\)(?=; |$)", " …", name)
        found[name[:160]].append(time.perf_counter() - started)

    def execute(call: Any, sql: str, *arguments: Any) -> Any:
        started = time.perf_counter()
        try:
            return call(sql, *arguments)
        finally:
            note(sql, started)

    copy = copying.write_rows

    def write_rows(cursor: Any, table: str, columns: Any, rows: Any) -> None:
        lines = list(rows)
        started = time.perf_counter()
        copy(cursor, table, columns, lines)
        note(f"rows of {table}, where they are copied", started)

    database: Any = connection
    commit = database._commit

    def timed_commit() -> None:
        started = time.perf_counter()
        commit()
        note("COMMIT", started)

    with ExitStack() as patched:
        patched.enter_context(connection.execute_wrapper(execute))
        for module in (store, journal):
            patched.enter_context(patch.object(module, "write_rows", write_rows))
        patched.enter_context(patch.object(database, "_commit", timed_commit))
        yield


def _functions(profiler: cProfile.Profile, number: int, shown: int) -> list[str]:
    """Functions by their own time; the time of what they call is the second figure."""
    stats: Any = pstats.Stats(profiler)
    total = stats.total_tt / number * 1000
    rows = sorted(stats.stats.items(), key=lambda item: -item[1][2])[:shown]
    said = [f"under cProfile: {total:.1f} ms a batch; own and cumulative ms a batch, calls"]
    for (file, line, name), (_, calls, own, cumulative, _) in rows:
        where = f"{os.path.relpath(file)}:{line} {name}" if file.startswith("/") else name
        said.append(
            f"  {own / number * 1000:7.2f} {cumulative / number * 1000:8.2f} {calls / number:9.1f}  {where}"
        )
    return said


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.profile", description=__doc__)
    parser.add_argument("--batch", type=int, default=1000)
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--functions", type=int, default=_SHOWN, help="how many are shown")
    options = parser.parse_args()
    with Stack(durable=True, kafka=None) as stack:
        stack.setup()
        service = {name: value for name, value in stack.environment.items() if name != "DATABASE_OWNER_URL"}
        with Crew(1, service) as crew:
            (world,) = crew.one(make_worlds, 1)
            load = Load(operations=options.batch * options.batches, batch=options.batch)
            print(crew.one(profile, (world, load, options.functions)))


if __name__ == "__main__":
    main()
