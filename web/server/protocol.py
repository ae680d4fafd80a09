"""HTTP connections that cannot be held open slowly: limits on their number, their times and their sizes.

# Note [Phases of a connection]
A connection is idle, receives headers, receives a body, or waits for its answer. `sweep` looks at every
connection twice a second and ends those that have been in one phase for too long. A request occupies a
thread only after all of it has arrived, and its answer leaves the thread at once: a slow client holds a
connection and the bytes that it has sent, nothing else.
"""

import asyncio
from collections.abc import Iterable
from enum import Enum, auto
from typing import Any, Final

from django.http import HttpRequest
from typing_extensions import override
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from easyautoml_ledger.errors import ContractError
from ledger.domain.errors import LedgerError
from web.api import errors
from web.api.problems import problem
from web.server.connections import Connections
from web.server.limits import Limits

SWEEP_SECONDS: Final = 0.5
_HEADER_BYTES_MAX: Final = 64 * 1024
_HEADERS_MAX: Final = 100
_LINGER_SECONDS: Final = 2
"""The time a refused client has to read the answer, which closing at once could discard (seconds)."""
_LINGERING_MAX: Final = 100
_RATE_WINDOW_SECONDS: Final = 5


class Phase(Enum):
    IDLE = auto()
    HEADERS = auto()
    BODY = auto()
    ANSWER = auto()
    REFUSED = auto()


class Bodies:
    """The bytes of all bodies that this process holds."""

    held = 0


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's connection, with limits."""

    def __init__(
        self, *arguments: Any, limits: Limits, counted: Connections, bodies: Bodies, **named: Any
    ) -> None:
        super().__init__(*arguments, **named)
        self._limits = limits
        self._counted = counted
        self._bodies = bodies
        self._address: str | None = None
        self._phase = Phase.IDLE
        self._since = self._window_since = self.loop.time()
        self._header_bytes = self._body_bytes = self._window_bytes = self._held_bytes = 0
        self._is_deaf = False  # nothing that the client still sends counts
        self._in_headers = False
        self.url = b""

    @override
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        address = self.client[0] if self.client else ""
        limits = self._limits
        if self._counted.open(
            address, most=limits.connections, most_per_address=limits.connections_per_address
        ):
            self._address = address
        elif len(self.connections) > limits.connections + _LINGERING_MAX:
            transport.abort()
        else:
            self._refuse(errors.Overloaded("there are too many connections, in total or from this address"))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._release_body()
        if self._address is not None:
            self._counted.close(self._address)
            self._address = None

    @override
    def data_received(self, data: bytes) -> None:
        if self._is_deaf:
            return
        super().data_received(data)
        if self._phase is Phase.HEADERS:
            self._header_bytes += len(data)
            if self._header_bytes > _HEADER_BYTES_MAX:
                self._refuse(errors.HeadersTooLarge(f"headers have at most {_HEADER_BYTES_MAX} bytes"))

    @override
    def eof_received(self) -> bool | None:  # type: ignore[override]
        """Answer a request that is complete; refuse one whose body is not."""
        if self._phase is Phase.BODY:
            self._refuse(errors.IncompleteBody("the connection ended before the end of the body"))
        if self._phase is Phase.ANSWER:
            self.cycle.keep_alive = False
            return True
        return None

    @override
    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._header_bytes = self._body_bytes = 0
        self._in_headers = True
        if self._phase is Phase.IDLE:
            self._enter(Phase.HEADERS)

    @override
    def on_header(self, name: bytes, value: bytes) -> None:
        if self._in_headers:  # else it is a trailer, which is ignored
            super().on_header(name, value)

    @override
    def on_headers_complete(self) -> None:
        if self._is_deaf:
            return
        self._in_headers = False
        length = next((value for name, value in self.headers if name == b"content-length"), b"0")
        if len(self.headers) > _HEADERS_MAX:
            self._refuse(errors.HeadersTooLarge(f"a request has at most {_HEADERS_MAX} headers"))
        elif int(length) > self._limits.body_bytes:
            self._refuse_body()
        else:
            super().on_headers_complete()
            if self.parser.should_upgrade():  # which is ignored, but the parser does not go on after it
                self.cycle.keep_alive = False
            if not self.pipeline:
                self._enter(Phase.BODY)

    @override
    def on_body(self, body: bytes) -> None:
        if self._is_deaf:
            return
        self._body_bytes += len(body)
        self._window_bytes += len(body)
        self._held_bytes += len(body)
        self._bodies.held += len(body)
        if self._body_bytes > self._limits.body_bytes:
            self._refuse_body()
        elif self._bodies.held > self._limits.bodies_bytes:
            self._refuse(errors.Overloaded("there are too many large requests"))
        else:
            super().on_body(body)

    @override
    def on_message_complete(self) -> None:
        if self._is_deaf:
            return
        super().on_message_complete()
        if self._phase is Phase.BODY:
            self._enter(Phase.ANSWER)

    @override
    def on_response_complete(self) -> None:
        self._release_body()
        following = self.pipeline[-1][0] if self.pipeline else None
        super().on_response_complete()
        if following is None:
            self._enter(Phase.IDLE)
        else:
            self._enter(Phase.BODY if following.more_body else Phase.ANSWER)

    @override
    def send_400_response(self, msg: str) -> None:
        self._refuse(errors.BadRequest("the request is not valid HTTP"))

    def sweep(self, now: float) -> None:
        """End the connection if it has been in its phase for too long."""
        is_slow = self._phase is Phase.BODY and self._is_slow(now)
        if not is_slow and now - self._since <= self._seconds_max():
            return
        if self._phase is Phase.HEADERS:
            self._refuse(errors.RequestTimeout("the headers did not arrive in time"))
        elif self._phase is Phase.BODY:
            self._refuse(errors.RequestTimeout("the body did not arrive in time"))
        else:
            self.transport.abort()

    def _seconds_max(self) -> float:
        limits = self._limits
        match self._phase:
            case Phase.HEADERS:
                return limits.headers_seconds
            case Phase.BODY:
                return limits.body_seconds
            case Phase.ANSWER:  # the front has answered by then: what is left is a client that does not read
                return limits.answer_seconds + _LINGER_SECONDS
            case Phase.REFUSED:
                return _LINGER_SECONDS
            case Phase.IDLE:
                is_unread = self.transport.is_closing() or self.transport.get_write_buffer_size() > 0
                return limits.answer_seconds if is_unread else limits.idle_seconds

    def _is_slow(self, now: float) -> bool:
        seconds = now - self._window_since
        if seconds < _RATE_WINDOW_SECONDS:
            return False
        is_slow = self._window_bytes < seconds * self._limits.body_bytes_per_second
        self._window_since, self._window_bytes = now, 0
        return is_slow

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._since = self._window_since = self.loop.time()
        self._window_bytes = 0

    def _release_body(self) -> None:
        self._bodies.held -= self._held_bytes
        self._held_bytes = 0

    def _refuse_body(self) -> None:
        self._refuse(ContractError("too_large", f"a body has at most {self._limits.body_bytes} bytes"))

    def _refuse(self, error: LedgerError | ContractError) -> None:
        """Answer with a problem, and close. A request that has arrived is answered as usual before."""
        self._is_deaf = True
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        if cycle is not None and cycle.response_complete:
            cycle = None
        if self.pipeline or (cycle is not None and cycle.response_started):
            self.transport.abort()
            return
        if cycle is not None and self._phase is Phase.ANSWER:
            cycle.keep_alive = False
            return
        if cycle is not None:  # the front waits for the rest of the body
            cycle.disconnected = True
            cycle.message_event.set()
        self.flow.resume_reading()
        self._enter(Phase.REFUSED)
        self.transport.write(_problem(error, self.url))
        self.transport.write_eof()


async def sweep(connections: Iterable[Any]) -> None:
    """Sweep all connections of a server twice a second, until cancelled."""
    loop = asyncio.get_running_loop()
    while True:
        await asyncio.sleep(SWEEP_SECONDS)
        now = loop.time()
        for connection in list(connections):
            connection.sweep(now)


def _problem(error: LedgerError | ContractError, url: bytes) -> bytes:
    request = HttpRequest()
    request.path = url.partition(b"?")[0].decode("latin-1")
    response = problem(request, error)
    response["Content-Length"] = str(len(response.content))
    response["Connection"] = "close"
    head = "".join(f"{name}: {value}\r\n" for name, value in response.items())
    return STATUS_LINE[response.status_code] + head.encode("latin-1") + b"\r\n" + response.content
