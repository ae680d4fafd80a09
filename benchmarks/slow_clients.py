"""`python -m benchmarks.slow_clients`: good requests while hundreds of connections send almost nothing.

The slow connections come from ten addresses of this machine (127.0.0.2 to 127.0.0.11). Each sends one byte,
half of its headers or half of its body, then one byte a second, and connects again when the server closes it.
From another address come `/livez` and operations that are recorded one at a time.
"""

import argparse
import json
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count
from multiprocessing import Process
from statistics import quantiles
from threading import Thread
from typing import Final

from stack import Stack

_ADDRESSES: Final = [f"127.0.0.{number}" for number in range(2, 12)]
_BEGINNINGS: Final = (
    b"P",
    b"POST /v1/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-",
    b"POST /v1/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n" + b"x" * 500,
)


def hold(port: int, connections: int) -> None:
    """Keep so many slow connections open until this process is ended."""
    numbers = count()
    held = [_begin(port, next(numbers)) for _ in range(connections)]
    while True:
        time.sleep(1)
        for place, connection in enumerate(held):
            if connection is None or not _drip(connection):
                held[place] = _begin(port, next(numbers))


def _begin(port: int, number: int) -> socket.socket | None:
    try:
        source = (_ADDRESSES[number % len(_ADDRESSES)], 0)
        connection = socket.create_connection(("127.0.0.1", port), 1, source_address=source)
    except OSError:
        return None
    connection.settimeout(0)
    with suppress(OSError):
        connection.send(_BEGINNINGS[number % len(_BEGINNINGS)])
    return connection


def _drip(connection: socket.socket) -> bool:
    """Send one more byte. Returns False if the server has closed the connection."""
    try:
        if connection.recv(4096):  # it was refused
            connection.close()
            return False
    except BlockingIOError:
        with suppress(OSError):
            connection.send(b"x")
            return True
    except OSError:
        pass
    connection.close()
    return False


def ask(port: int, request: bytes) -> int:
    """Return the status of the answer on a new connection; 0 if there is none within 10 seconds."""
    try:
        with socket.create_connection(("127.0.0.1", port), 10) as connection:
            connection.sendall(request)
            return int(connection.recv(1 << 16)[9:12])
    except (OSError, ValueError):
        return 0


def posts(key: str) -> Iterator[bytes]:
    """Requests that each record a payment."""
    for number in count():
        payment = {
            "type": "credit_from_user",
            "operation_user": 1,
            "amount": "1",
            "payment_reference": f"p{number}",
        }
        body = json.dumps(payment).encode()
        yield (
            f"POST /v1/operations HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n"
            f"Idempotency-Key: slow-{number}\r\nContent-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        ).encode() + body


def livez() -> Iterator[bytes]:
    """Requests to `/livez`."""
    while True:
        yield b"GET /livez HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def measure(
    port: int, requests: Callable[[], Iterator[bytes]], wanted: int, pause: float, until: float
) -> tuple[list[float], int]:
    """Ask one request after the other. Return how long each took (s), and how many were not answered well."""
    took, failed = [], 0
    for request in requests():
        if time.monotonic() > until:
            break
        asked = time.monotonic()
        failed += ask(port, request) != wanted
        took.append(time.monotonic() - asked)
        time.sleep(pause)
    return took, failed


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.slow_clients", description=__doc__)
    parser.add_argument("--connections", type=int, default=500, help="slow ones (default: 500)")
    parser.add_argument("--seconds", type=float, default=60, help="default: 60")
    options = parser.parse_args()
    with Stack(durable=True, kafka=None) as stack:
        found = re.search(r"/services/marketplace: (ledger_\S+)", stack.setup())
        assert found
        key, port = found[1], int(stack.environment["LEDGER_WEB_PORT"])
        stack.start("web")
        stack.wait_for_web()
        assert ask(port, next(posts(key))) == 201
        slow = Process(target=hold, args=[port, options.connections], daemon=True)
        slow.start()
        time.sleep(2)
        until = time.monotonic() + options.seconds
        cases = {
            "/livez": (livez, 200, 0.02),
            "POST /v1/operations": (lambda: _after_the_first(posts(key)), 201, 0.1),
        }
        results: dict[str, tuple[list[float], int]] = {}

        def run(name: str) -> None:
            requests, wanted, pause = cases[name]
            results[name] = measure(port, requests, wanted, pause, until)

        threads = [Thread(target=run, args=[name]) for name in cases]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        slow.terminate()
        print(f"{options.connections} slow connections for {options.seconds:g} s")
        for name, (took, failed) in results.items():
            cuts = quantiles(took, n=100) if len(took) > 1 else took * 99
            p50, p99, most = (f"{seconds * 1000:.1f}" for seconds in (cuts[49], cuts[98], max(took)))
            print(
                f"{name}: {len(took)} requests, {failed} failed; p50 {p50} ms, p99 {p99} ms, most {most} ms"
            )


def _after_the_first(requests: Iterator[bytes]) -> Iterator[bytes]:
    next(requests)
    return requests


if __name__ == "__main__":
    main()
