"""`python -m benchmarks.locked_user`: one user is kept locked while the others are served.

Starts a ledger with its web server, keeps the accounts of one user locked from outside, and meanwhile sends
single operations of that user and of others, and requests to `/livez`. Prints latencies and HTTP statuses.
"""

import argparse
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import quantiles
from threading import Thread
from typing import Final
from uuid import uuid4

import psycopg2

from benchmarks import web
from benchmarks.crew import Crew
from benchmarks.world import make_worlds
from stack import Stack

_OTHERS: Final = 8
_STUCK: Final = 4


class _Answers:
    """The latencies (seconds) and statuses of one kind of request."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()

    def row(self, name: str) -> str:
        p50, p99 = (quantiles(self.seconds, n=100)[n] for n in (49, 98))
        statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(self.statuses.items()))
        figures = " | ".join(f"{each * 1000:,.0f}" for each in (p50, p99, max(self.seconds)))
        return f"| {name} | {figures} | {statuses} |"


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.locked_user", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=30, help="how long the user stays locked (default: 30)"
    )
    seconds = parser.parse_args(arguments).seconds
    with ExitStack() as running:
        stack = running.enter_context(Stack(durable=True))
        print(stack.setup(), end="", flush=True)
        owner_url = stack.environment["DATABASE_OWNER_URL"]
        service = {name: value for name, value in stack.environment.items() if name != "DATABASE_OWNER_URL"}
        crew = running.enter_context(Crew(1, service))
        (world,) = crew.one(make_worlds, 1)
        key, port = crew.one(web.make_key), int(stack.environment["LEDGER_WEB_PORT"])
        stack.start("web")
        stack.wait_for_web()
        stuck, others = world.users[0], world.users[1:]
        livez, of_stuck, of_others = _Answers(), _Answers(), _Answers()
        warm_up = web.Client(port)
        for user in world.users[:200]:
            warm_up.ask(_operation(key, user, world.machines[1]))
        with psycopg2.connect(owner_url) as connection:
            connection.cursor().execute(
                "select id from ledger_account where user_id = %s for no key update", [stuck]
            )
            until = time.monotonic() + seconds
            threads = [_client(port, livez, until, lambda _: web.get("/livez"), pause=0.01)]
            threads += [
                _client(port, of_stuck, until, lambda _: _operation(key, stuck, world.machines[0]))
                for _ in range(_STUCK)
            ]
            threads += [
                _client(
                    port,
                    of_others,
                    until,
                    lambda n, first=first: _operation(
                        key, others[(first + n) % len(others)], world.machines[1]
                    ),
                )
                for first in range(0, _OTHERS * 100, 100)
            ]
            for thread in threads:
                thread.join()
            connection.rollback()
    print(f"one user locked for {seconds:.0f} s")
    print("| request | p50 (ms) | p99 (ms) | longest (ms) | HTTP statuses |")
    print("| --- | --- | --- | --- | --- |")
    print(livez.row("`/livez`"))
    print(of_others.row(f"operations of others, {_OTHERS} clients"))
    print(of_stuck.row(f"operations of the locked user, {_STUCK} clients"))


def _client(
    port: int, answers: _Answers, until: float, request: Callable[[int], bytes], *, pause: float = 0.0
) -> Thread:
    def run() -> None:
        client, number = web.Client(port), 0
        while time.monotonic() < until:
            began = time.monotonic()
            status, _ = client.ask(request(number))
            answers.seconds.append(time.monotonic() - began)
            answers.statuses[status] += 1
            number += 1
            # Retry-After is one second.
            time.sleep(1 if status == 503 else pause)

    thread = Thread(target=run)
    thread.start()
    return thread


def _of_one_of(key: str, users: Sequence[int], machine: int, first: int, number: int) -> bytes:
    return _operation(key, users[(first + number) % len(users)], machine)


def _operation(key: str, user: int, machine: int) -> bytes:
    payload = {"type": "solving", "operation_user": user, "machine": machine, "count_of_lines": 1}
    return web.post("/v1/operations", key, payload, f"Idempotency-Key: {uuid4()}\r\n")


if __name__ == "__main__":
    main()
