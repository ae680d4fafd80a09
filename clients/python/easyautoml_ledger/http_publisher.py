"""Records operations over HTTP, for services without Kafka."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Optional

from typing_extensions import override

from . import strict_json
from .errors import ContractError
from .operations import OperationData
from .payloads import encode
from .publication import check_request_id, new_id

_RETRYABLE_STATUSES = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True)
class HttpOutcome:
    """The ledger's answer to ``request_id``: ``body`` is the recorded operation.

    ``replayed`` is true if an earlier attempt had recorded it.
    """

    request_id: str
    replayed: bool
    body: dict[str, Any]


class LedgerProblem(Exception):
    """The ledger did not record the operation, or did not answer.

    ``code`` is stable. A rejection (status 422 with ``operation``) is final for this
    ``request_id``; if ``retryable`` is true, the same request may succeed later. Status 0
    means that no answer arrived: the operation may have been recorded, and sending the same
    ``request_id`` again returns its result.
    """

    def __init__(
        self,
        message: str,
        *,
        request_id: str,
        status: int,
        code: str,
        retryable: bool = False,
        field: Optional[str] = None,
        operation: Optional[str] = None,
        details: Optional[dict[str, Any]] = None,
    ) -> None:
        super().__init__(f"{code} ({status}): {message}")
        self.message = message
        self.request_id = request_id
        self.status = status
        self.code = code
        self.retryable = retryable
        self.field = field
        self.operation = operation
        self.details = details or {}


class HttpPublisher:
    """Records operations through the ledger's HTTP API with an API key.

    A request that gets no answer or meets a busy server is sent up to ``attempts`` times with
    the same Idempotency-Key, and each pause is twice as long as the one before.
    """

    def __init__(
        self,
        *,
        url: str,
        api_key: str,
        timeout_seconds: float = 10,
        attempts: int = 4,
        first_pause_seconds: float = 0.2,
    ) -> None:
        if urllib.parse.urlsplit(url).scheme not in {"http", "https"}:
            raise ValueError("the URL must begin with http:// or https://")
        if not (api_key and api_key.isascii() and api_key.isprintable()):
            raise ValueError("the API key must be printable ASCII")
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds
        # Following a redirect would change the request.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def publish(
        self,
        operation: OperationData,
        *,
        id: Optional[str] = None,  # noqa: A002 (the attribute's name in CloudEvents)
    ) -> HttpOutcome:
        """Record ``operation`` under ``id``, by default a new one, and return the answer.

        Raises ``LedgerProblem``; retry with its ``request_id`` as ``id``.
        """
        request_id = check_request_id(new_id() if id is None else id)
        return self._post(request_id, "/v1/operations", encode(operation), request_id)

    def quote(self, operation: OperationData) -> dict[str, Any]:
        """Return the result of recording ``operation`` now, without writing. Raises ``LedgerProblem``."""
        return self._post(new_id(), "/v1/operations/quote", encode(operation), None).body

    def _post(self, request_id: str, path: str, body: bytes, key: Optional[str]) -> HttpOutcome:
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json, application/problem+json",
        }
        if key is not None:
            headers["Idempotency-Key"] = _quoted(key)
        request = urllib.request.Request(  # noqa: S310 (the scheme is checked)
            self._url + path, data=body, headers=headers, method="POST"
        )
        pause = self._first_pause_seconds
        for attempt in range(1, self._attempts + 1):
            try:
                return self._attempt(request, request_id)
            except LedgerProblem as problem:
                last = attempt == self._attempts
                if last or problem.status not in {0, *_RETRYABLE_STATUSES}:
                    raise
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _attempt(self, request: urllib.request.Request, request_id: str) -> HttpOutcome:
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                raw, replayed = response.read(), response.headers.get("Idempotency-Replayed")
        except urllib.error.HTTPError as error:
            with error:
                raise _problem(request_id, error.code, error.read()) from None
        except (OSError, HTTPException) as error:
            # The request may have arrived.
            raise _no_answer(request_id, repr(error)) from error
        try:
            body = strict_json.loads(raw)
        except ContractError as error:
            raise _no_answer(request_id, str(error)) from error
        return HttpOutcome(request_id=request_id, replayed=replayed == "true", body=body)


def _quoted(key: str) -> str:
    """Return the key as a string of RFC 8941: plain, it could be read as a list or as quoted already."""
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    @override
    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Return None, so that the redirect itself becomes the answer."""


def _no_answer(request_id: str, reason: str) -> LedgerProblem:
    return LedgerProblem(reason, request_id=request_id, status=0, code="no_answer", retryable=True)


def _problem(request_id: str, status: int, raw: bytes) -> LedgerProblem:
    try:
        problem = json.loads(raw)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    return LedgerProblem(
        str(problem.get("detail", problem.get("title", "the server gave no reason"))),
        request_id=request_id,
        status=status,
        code=str(problem.get("code", f"http_{status}")),
        retryable=bool(problem.get("retryable", status in _RETRYABLE_STATUSES)),
        field=problem.get("field"),
        operation=problem.get("operation"),
        details=problem.get("details"),
    )
