"""`python -m benchmarks.killed_database`: PostgreSQL is killed three times in a row while requests arrive.

Starts a ledger with its web server, and sends operations, reads of a balance and checks of `/readyz`.
Meanwhile PostgreSQL is killed, stays away for a moment and is started again, three times. Prints how long
answers took by HTTP status, and when the first operation was recorded after the last start.
"""

import argparse
import re
import time
from collections.abc import Callable, Sequence
from threading import Event, Thread
from typing import Final, NamedTuple

from benchmarks import web
from stack import Stack

_KILLS: Final = 3
_UP_SECONDS: Final = 0.5
_AFTER_SECONDS: Final = 5


class _Answer(NamedTuple):
    """An answer: what was asked, the HTTP status, and when the request was sent and answered (seconds)."""

    name: str
    status: int
    asked: float
    answered: float


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.killed_database", description=__doc__)
    parser.add_argument("--clients", type=int, default=20, help="clients that post (default: 20)")
    parser.add_argument("--away", type=float, default=2, help="seconds without PostgreSQL (default: 2)")
    options = parser.parse_args(arguments)
    with Stack(durable=True, kafka=None) as stack:
        found = re.search(r"/services/marketplace: (ledger_\S+)", stack.setup())
        assert found
        key, port = found[1], int(stack.environment["LEDGER_WEB_PORT"])
        stack.start("web")
        stack.wait_for_web()
        while web.Client(port).ask(web.get("/readyz"))[0] != 200:
            time.sleep(0.1)
        assert web.Client(port).ask(_payment(key, "first"))[0] == 201
        answers: list[_Answer] = []
        stop = Event()
        requests: list[tuple[str, Callable[[int], bytes]]] = [
            ("`/readyz`", lambda _: web.get("/readyz")),
            (
                "reads of a balance",
                lambda _: web.get("/v1/users/1/balances", f"Authorization: Bearer {key}\r\n"),
            ),
        ]
        requests += [
            ("operations", lambda number, client=client: _payment(key, f"{client}-{number}"))
            for client in range(options.clients)
        ]
        threads = [
            Thread(target=_ask, args=[port, name, request, answers, stop]) for name, request in requests
        ]
        for thread in threads:
            thread.start()
        time.sleep(1)
        for _ in range(_KILLS):
            assert stack.postgres is not None
            stack.postgres.kill()
            time.sleep(options.away)
            stack.postgres.start()
            started = time.monotonic()
            time.sleep(_UP_SECONDS)
        time.sleep(_AFTER_SECONDS)
        stop.set()
        for thread in threads:
            thread.join()
    print(f"PostgreSQL killed {_KILLS} times, away for {options.away:g} s each time")
    print("| request | HTTP status | answers | longest (s) |")
    print("| --- | --- | --- | --- |")
    for name, status in sorted({(each.name, each.status) for each in answers}):
        took = [each.answered - each.asked for each in answers if (each.name, each.status) == (name, status)]
        print(f"| {name} | {status or 'none'} | {len(took):,} | {max(took):.2f} |")
    recorded = min(each.answered for each in answers if each.status == 201 and each.answered > started)
    print(f"first operation recorded {recorded - started:.2f} s after the last start")


def _ask(port: int, name: str, request: Callable[[int], bytes], answers: list[_Answer], stop: Event) -> None:
    """Ask one request after the other on one connection, which is opened again when the server closes it."""
    client, number = web.Client(port), 0
    while not stop.is_set():
        number, asked = number + 1, time.monotonic()
        try:
            status, _ = client.ask(request(number))
        except (OSError, AssertionError):
            status, client = 0, web.Client(port)
        answers.append(_Answer(name, status, asked, time.monotonic()))
        time.sleep(0.02)


def _payment(key: str, reference: str) -> bytes:
    payload = {
        "type": "credit_from_user",
        "operation_user": 1,
        "amount": "1",
        "payment_reference": reference,
    }
    return web.post("/v1/operations", key, payload, f"Idempotency-Key: {reference}\r\n")


if __name__ == "__main__":
    main()
