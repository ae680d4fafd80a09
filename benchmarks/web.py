"""Over HTTP: lists of 1,000, and single operations by 16 clients that wait for each answer."""

import json
import socket
import time
from collections.abc import Sequence
from threading import Thread
from uuid import uuid4

from benchmarks.crew import Span, start_line
from benchmarks.world import Load, World, payloads


def make_key() -> str:
    """An API key that may write."""
    from ledger.keys import create_key
    from ledger.models import ApiKey

    return create_key(name="benchmarks", source="/benchmarks", scopes=[ApiKey.Scope.READ, ApiKey.Scope.WRITE])


def post_lists(work: tuple[World, Load, str, int]) -> Span:
    """One client that posts lists of `load.batch`."""
    world, load, key, port = work
    items = [{"id": str(uuid4()), **payload} for payload in payloads(world, load)]
    requests = [
        post("/v1/operations/bulk", key, {"operations": items[start : start + load.batch]})
        for start in range(0, len(items), load.batch)
    ]
    client = Client(port)
    client.ask(requests.pop(0))
    started = start_line()
    for request in requests:
        status, body = client.ask(request)
        assert status == 200, body
        assert body.count(b'"recorded"') >= load.batch, body[:500]
    return Span(operations=len(items) - load.batch, started=started, ended=time.monotonic())


def post_singly(work: tuple[World, Load, str, int, int]) -> Span:
    """So many clients, each of which posts one operation after the other."""
    world, load, key, port, clients = work
    requests = [
        post("/v1/operations", key, payload, f"Idempotency-Key: {uuid4()}\r\n")
        for payload in payloads(world, load)
    ]
    shares = [requests[number::clients] for number in range(clients)]
    latencies: list[float] = []

    def run(share: Sequence[bytes]) -> None:
        client = Client(port)
        for request in share:
            asked = time.monotonic()
            status, body = client.ask(request)
            latencies.append(time.monotonic() - asked)
            assert status == 201, body

    threads = [Thread(target=run, args=[share]) for share in shares]
    started = start_line()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    ended = time.monotonic()
    assert len(latencies) == len(requests)
    return Span(operations=len(requests), started=started, ended=ended, latencies=latencies)


def get(path: str, headers: str = "") -> bytes:
    """Return a GET request. `headers` are lines, each with its end."""
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{headers}\r\n".encode()


def post(path: str, key: str, content: object, headers: str = "") -> bytes:
    """Return a POST request with a JSON body."""
    body = json.dumps(content).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {key}\r\n{headers}"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """One connection that is kept: as little Python as possible, because it shares the machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._connection = socket.create_connection(("127.0.0.1", port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def ask(self, request: bytes) -> tuple[int, bytes]:
        self._connection.sendall(request)
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += self._more()
        head = bytes(answer[:end]).lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n")[0] or 0)  # none: 204
        while len(answer) < end + 4 + length:
            answer += self._more()
        if b"connection: close" in head:
            self._connection.close()
            self._connection = socket.create_connection(("127.0.0.1", self._port))
        return int(head.split(b" ", 2)[1]), bytes(answer[end + 4 :])

    def _more(self) -> bytes:
        part = self._connection.recv(1 << 20)
        assert part, "the server closed the connection"
        return part
