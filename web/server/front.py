"""The layer between connections and Django: health checks, and threads for everything else."""

import asyncio
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import BytesIO
from typing import Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from django.db import close_old_connections
from django.http import HttpRequest, HttpResponse

from web.api.errors import AnswerTimeout, RepeatedHeader
from web.api.health import livez, readiness, readyz
from web.api.problems import problem

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
"""A WSGI application."""

_READY_SECONDS: Final = 3
_READY_THREADS: Final = 4  # so that checks that never end do not prevent later ones
_METHODS: Final = frozenset({"GET", "HEAD"})
_WITHOUT_BODY: Final = frozenset({204, 304})
_LISTS: Final = frozenset(
    {
        b"accept",
        b"accept-charset",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"cookie",
        b"forwarded",
        b"if-match",
        b"if-none-match",
        b"pragma",
        b"te",
        b"tracestate",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
        b"via",
        b"x-forwarded-for",
        b"x-forwarded-host",
        b"x-forwarded-proto",
    }
)
"""The headers that may be sent in several lines, which together are one list (RFC 9110, section 5.3)."""


class Answer(NamedTuple):
    """A complete answer to a request."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes


class Front:
    """The ASGI application of the web server.

    `/livez` is answered by the event loop itself. `/readyz` has threads of its own, with database connections
    of their own. Every other request is read to its end, then answered by the WSGI application in one of
    `threads` threads. A request whose answer takes more than `answer_seconds` is refused; if it still waits
    for a thread then, it is never begun.
    """

    def __init__(self, application: Application, *, threads: int, answer_seconds: float) -> None:
        self._application = application
        self._answer_seconds = answer_seconds
        self._threads = ThreadPoolExecutor(threads, "request")
        self._ready_threads = ThreadPoolExecutor(_READY_THREADS, "readyz")
        self._readiness: asyncio.Future[Answer] | None = None
        self._alive = _answer_of(livez(_get("/livez")))

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer a request, unless it is broken off before its end."""
        if scope["path"] == "/livez" and scope["method"] in _METHODS:
            answer = self._alive
        elif (body := await _read(receive)) is None:
            return
        elif (repeated := _repeated_header(scope["headers"])) is not None:
            error = RepeatedHeader("the header was sent more than once", field=repeated)
            answer = _answer_of(problem(_get(scope["path"]), error))
        elif scope["path"] == "/readyz" and scope["method"] in _METHODS:
            answer = await self._ready()
        else:
            answer = await self._answer(scope, body)
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        await send({"type": "http.response.body", "body": answer.body})

    async def _answer(self, scope: Any, body: bytes) -> Answer:
        run = asyncio.get_running_loop().run_in_executor
        try:
            async with asyncio.timeout(self._answer_seconds):
                return await run(self._threads, partial(_call, self._application, scope, body))
        except TimeoutError:
            error = AnswerTimeout(f"there was no answer within {self._answer_seconds:g} seconds")
            return _answer_of(problem(_get(scope["path"]), error))

    async def _ready(self) -> Answer:
        """Return the answer of the check that is running, or of a new one."""
        if self._readiness is None or self._readiness.done():
            self._readiness = asyncio.get_running_loop().run_in_executor(self._ready_threads, _check)
        try:
            return await asyncio.wait_for(asyncio.shield(self._readiness), _READY_SECONDS)
        except TimeoutError:
            self._readiness = None
            return _answer_of(readiness({"database": f"does not answer within {_READY_SECONDS} seconds"}))


def _repeated_header(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """Return the name of the first header that has one value and was sent twice.

    Joining the values would make another one of them, such as an idempotency key that was never sent.
    """
    seen: set[bytes] = set()
    for name, _ in headers:
        if name in seen and name not in _LISTS:
            return name.decode("latin-1")
        seen.add(name)
    return None


async def _read(receive: Any) -> bytes | None:
    """Return the whole body, or None if the connection ends first."""
    parts = []
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message["body"])
        if not message["more_body"]:
            return b"".join(parts)


def _check() -> Answer:
    close_old_connections()
    return _answer_of(readyz(_get("/readyz")))


def _call(application: Application, scope: Any, body: bytes) -> Answer:
    """Return the answer of a WSGI application."""
    started: list[Any] = []
    result = application(_environ(scope, body), lambda *arguments: started.append(arguments))
    try:
        content = b"".join(result)
    finally:
        if (close := getattr(result, "close", None)) is not None:
            close()
    status, headers = started[-1][:2]
    return _answer(int(status[:3]), headers, content)


def _answer_of(response: HttpResponse) -> Answer:
    return _answer(response.status_code, response.items(), response.content)


def _answer(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> Answer:
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    if status in _WITHOUT_BODY:
        encoded = [header for header in encoded if header[0] != b"content-length"]
    elif all(name != b"content-length" for name, _ in encoded):
        encoded.append((b"content-length", b"%d" % len(body)))
    return Answer(status, encoded, body)


def _get(path: str) -> HttpRequest:
    request = HttpRequest()
    request.method, request.path = "GET", path
    return request


def _environ(scope: Any, body: bytes) -> dict[str, Any]:
    """Return the WSGI environment of a request (PEP 3333)."""
    address, (host, port) = scope["client"], scope["server"]
    environ = {
        "REQUEST_METHOD": scope["method"],
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(scope["raw_path"]).decode("latin-1"),
        "QUERY_STRING": scope["query_string"].decode("latin-1"),
        "SERVER_PROTOCOL": f"HTTP/{scope['http_version']}",
        "SERVER_NAME": host,
        "SERVER_PORT": str(port),
        "REMOTE_ADDR": address[0] if address else "",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scope["scheme"],
        "wsgi.input": BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    for header, text in scope["headers"]:
        name, value = header.decode("latin-1").upper(), text.decode("latin-1")
        if "_" in name:
            continue  # it would be taken for the header that has a hyphen there
        key = name.replace("-", "_")
        if key not in {"CONTENT_TYPE", "CONTENT_LENGTH"}:
            key = f"HTTP_{key}"
        if key in environ:
            value = f"{environ[key]}{'; ' if key == 'HTTP_COOKIE' else ','}{value}"
        environ[key] = value
    return environ
