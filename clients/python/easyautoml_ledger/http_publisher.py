"""Recording over HTTP, for services that have no Kafka: one operation, one answer."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass
from http import HTTPStatus
from http.client import HTTPException
from typing import Any, Optional

from . import strict_json
from .errors import ContractError
from .operations import OperationData
from .payloads import encode
from .publication import check_request_id, new_id

_TRY_AGAIN = frozenset(
    {
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)


@dataclass(frozen=True)
class HttpOutcome:
    """What the ledger answered to ``request_id``: ``body`` is the recorded operation.

    ``replayed`` says that it had been recorded before, by an earlier try.
    """

    request_id: str
    replayed: bool
    body: dict[str, Any]


class LedgerProblem(Exception):
    """The ledger answered that it has not recorded the operation.

    ``code`` is stable. A rejection (status 422 with ``operation``) is final for this
    ``request_id``; where ``retryable`` is true the same request may succeed later. Status
    0 stands for no answer at all: the operation may or may not have been recorded, and
    the same ``request_id`` finds out.
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

    A request that finds nobody, or a server that is busy, is sent again up to
    ``attempts`` times with the same Idempotency-Key, waiting longer each time.
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
            raise ValueError("the ledger's address begins with http:// or https://")
        if not (api_key and api_key.isascii() and api_key.isprintable()):
            raise ValueError("an API key is printable ASCII")
        self._url = url.rstrip("/")
        self._api_key = api_key
        self._timeout_seconds = timeout_seconds
        self._attempts = attempts
        self._first_pause_seconds = first_pause_seconds
        # A redirect would turn the request into another one.
        self._opener = urllib.request.build_opener(_NoRedirects)

    def publish(
        self,
        operation: OperationData,
        *,
        id: Optional[str] = None,  # noqa: A002 — the attribute's name in CloudEvents
    ) -> HttpOutcome:
        """Records ``operation`` under ``id``, by default a new one, and returns the answer.

        Raises ``LedgerProblem``; its ``request_id`` is the id to try again with.
        """
        request_id = check_request_id(new_id() if id is None else id)
        return self._answer(request_id, "/v1/operations", encode(operation), request_id)

    def quote(self, operation: OperationData) -> dict[str, Any]:
        """What recording ``operation`` now would do; nothing is written. Raises ``LedgerProblem``."""
        return self._answer(new_id(), "/v1/operations/quote", encode(operation), None).body

    def _answer(self, request_id: str, path: str, body: bytes, key: Optional[str]) -> HttpOutcome:
        headers = {
            "Authorization": f"Bearer {self._api_key}",
            "Content-Type": "application/json",
            "Accept": "application/json, application/problem+json",
        }
        if key is not None:
            headers["Idempotency-Key"] = key
        request = urllib.request.Request(  # noqa: S310 — the scheme was checked
            self._url + path, data=body, headers=headers, method="POST"
        )
        pause = self._first_pause_seconds
        for attempt in range(1, self._attempts + 1):
            try:
                return self._once(request, request_id)
            except LedgerProblem as problem:
                last = attempt == self._attempts
                if last or problem.status not in {0, *_TRY_AGAIN}:
                    raise
            time.sleep(pause)
            pause *= 2
        raise AssertionError("the last attempt returns or raises")

    def _once(self, request: urllib.request.Request, request_id: str) -> HttpOutcome:
        try:
            with self._opener.open(request, timeout=self._timeout_seconds) as response:
                raw, replayed = response.read(), response.headers.get("Idempotency-Replayed")
        except urllib.error.HTTPError as error:
            with error:
                raise _problem(request_id, error.code, error.read()) from None
        except (OSError, HTTPException) as error:
            # Whatever happened on the way: nobody knows whether the request arrived.
            raise _no_answer(request_id, repr(error)) from error
        try:
            body = strict_json.loads(raw)
        except ContractError as error:
            raise _no_answer(request_id, str(error)) from error
        return HttpOutcome(request_id=request_id, replayed=replayed == "true", body=body)


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        """Refuses: the redirect itself then is the answer."""


def _no_answer(request_id: str, reason: str) -> LedgerProblem:
    return LedgerProblem(reason, request_id=request_id, status=0, code="no_answer", retryable=True)


def _problem(request_id: str, status: int, raw: bytes) -> LedgerProblem:
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        said = {}
    return LedgerProblem(
        str(said.get("detail", said.get("title", "the server gave no reason"))),
        request_id=request_id,
        status=status,
        code=str(said.get("code", f"http_{status}")),
        retryable=bool(said.get("retryable", status in _TRY_AGAIN)),
        field=said.get("field"),
        operation=said.get("operation"),
        details=said.get("details"),
    )
