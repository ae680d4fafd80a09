"""The real web server, started with small limits, and connections to it."""

import json
import re
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg2
import pytest

from stack import Stack
from stack.ports import free_port, is_free, wait_until

FEW = {
    "LEDGER_CONNECTIONS_MAX": "90",
    "LEDGER_CONNECTIONS_PER_ADDRESS_MAX": "70",
    "LEDGER_BODY_BYTES_MAX": "1024",
    "LEDGER_ANSWER_SECONDS": "2",
}
SHORT = {
    "LEDGER_HEADERS_SECONDS": "0.5",
    "LEDGER_BODY_SECONDS": "1",
    "LEDGER_IDLE_SECONDS": "1.5",
    "LEDGER_CONNECTIONS_PER_ADDRESS_MAX": "0",
    "LEDGER_BODY_BYTES_MAX": "100000",
}


@dataclass(frozen=True)
class Server:
    """A web server, an API key that may post, and a user to post to."""

    stack: Stack
    port: int
    key: str
    user: int = 1

    def connect(self, address: str = "127.0.0.1") -> socket.socket:
        """Open a connection from one of this machine's own addresses."""
        return socket.create_connection(("127.0.0.1", self.port), 30, source_address=(address, 0))

    def ask(self, sent: bytes, address: str = "127.0.0.1") -> "Answer":
        """Send bytes on a new connection, and return the answer to them."""
        with self.connect(address) as connection:
            connection.sendall(sent)
            return Answer.read(connection)

    def posting(self, body: bytes, *, length: int | None = None, headers: str = "") -> bytes:
        """Return a request that records an operation, as bytes."""
        head = (
            f"POST /v1/operations HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {self.key}\r\n"
            f"Idempotency-Key: k{time.monotonic_ns()}\r\nContent-Type: application/json\r\n{headers}"
        )
        if length is None and "chunked" not in headers:
            length = len(body)
        return f"{head}{'' if length is None else f'Content-Length: {length}{CRLF}'}\r\n".encode() + body

    def top_up(self) -> bytes:
        """Return the body of a payment."""
        return json.dumps(
            {
                "type": "credit_from_user",
                "operation_user": self.user,
                "amount": "1",
                "payment_reference": f"p{time.monotonic_ns()}",
            }
        ).encode()

    def query(self, statement: str) -> Any:
        """Return the first value that a statement finds in the server's database."""
        connection = psycopg2.connect(self.stack.environment["DATABASE_OWNER_URL"])
        try:
            with connection.cursor() as cursor:
                cursor.execute(statement)
                return cursor.fetchall()[0][0]
        finally:
            connection.close()


CRLF = "\r\n"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> str:
        return str(json.loads(self.body)["code"])

    @classmethod
    def read(cls, connection: socket.socket) -> "Answer":
        """Read one answer."""
        answer = bytearray()
        while (end := answer.find(b"\r\n\r\n")) < 0:
            answer += _more(connection)
        first, *lines = answer[:end].decode().split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines)
        while len(answer) < end + 4 + int(headers["content-length"]):
            answer += _more(connection)
        return cls(int(first.split(" ")[1]), headers, bytes(answer[end + 4 :]))


def _more(connection: socket.socket) -> bytes:
    part = connection.recv(1 << 20)
    assert part, "the server closed the connection"
    return part


def is_closed(connection: socket.socket) -> bool:
    """Wait until the server closes a connection."""
    try:
        while connection.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass
    return True


@pytest.fixture(scope="module")
def stack() -> Iterator[tuple[Stack, str]]:
    """PostgreSQL with an installed ledger, and the key of a service."""
    with Stack(durable=False, kafka=None) as made:
        found = re.search(r"/services/marketplace: (ledger_\S+)", made.setup())
        assert found
        yield made, found[1]


def serve(stack: tuple[Stack, str], name: str, settings: dict[str, str]) -> Server:
    made, key = stack
    port = free_port()
    worker = made.start("web", instance=f"web-{name}", environment={**settings, "LEDGER_WEB_PORT": str(port)})
    assert wait_until(lambda: not is_free(port), seconds=60, alive=lambda: worker.running), worker.tail()
    server = Server(made, port, key)
    assert server.ask(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").status == 200
    return server


@pytest.fixture(scope="module")
def short(stack: tuple[Stack, str]) -> Server:
    """A server that waits for a client only for moments."""
    return serve(stack, "short", SHORT)


@pytest.fixture(scope="module")
def few(stack: tuple[Stack, str]) -> Server:
    """A server with 90 connections, 70 from each address, and 64 KiB of bodies."""
    return serve(stack, "few", FEW)
