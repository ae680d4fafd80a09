"""Errors over HTTP: RFC 9457 problem documents, whoever made the error."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import BaseModel, ConfigDict, Field

from easyautoml_ledger.errors import ContractError
from ledger.domain.errors import LedgerError, NotFound, rejected_by_code
from web.api import errors

Document: TypeAlias = dict[str, Any]
"""A problem document, as the shape `Problem` has it."""

PREFIX: Final = "/v1/"
MEDIA_TYPE: Final = "application/problem+json"

_TYPE: Final = "tag:easyautoml.com,2026:ledger/"
_RETRY_AFTER_SECONDS: Final = {"undecided": 5, "busy": 1, "unavailable": 2}

# What a contract error means in HTTP; 422 where nothing is said.
_STATUS_OF_CONTRACT: Final = {
    "empty_value": 400,
    "invalid_utf8": 400,
    "malformed_json": 400,
    "duplicate_key": 400,
    "not_a_number": 400,
    "too_large": 413,
    "unsupported_content_type": 415,
}

# Answers that Django or the server makes by itself, without our exceptions.
_ERROR_OF_STATUS: Final[Mapping[int, type[LedgerError]]] = {
    error.status: error
    for error in (
        errors.BadRequest,
        errors.Unauthenticated,
        errors.Forbidden,
        NotFound,
        errors.MethodNotAllowed,
        errors.InternalError,
        errors.Unavailable,
    )
}


class Problem(BaseModel):
    """Why a request was not done. `code` is stable and listed in docs/errors.md."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="A tag URI that ends in the code.")
    title: str = Field(description="What the code means.")
    status: int
    code: str
    detail: str = Field(description="What was wrong with this request.")
    retryable: bool = Field(description="Whether the same request may succeed later.")
    instance: str | None = None
    field: str | None = Field(default=None, description="Where in the request, as a dotted path.")
    details: dict[str, Any] | None = Field(
        default=None,
        description="What belongs to the code: amounts as strings, currency, limit.",
    )
    operation: str | None = Field(
        default=None,
        description="The id of the rejected operation, which can be fetched.",
    )


def document(error: LedgerError | ContractError) -> Document:
    """The problem document of an error, without what belongs to the request."""
    if isinstance(error, ContractError):
        return _document(
            error.code,
            status=_STATUS_OF_CONTRACT.get(error.code, 422),
            title="What was sent does not keep the contract.",
            detail=f"{error.field}: {error.message}" if error.field else error.message,
            retryable=False,
            field=error.field,
        )
    details = dict(error.details)
    return _document(
        error.code,
        status=error.status,
        title=title_of(type(error)),
        detail=error.message,
        retryable=error.retryable,
        field=details.pop("field", None),
        details=details or None,
    )


def rejection_document(rejection: Mapping[str, Any], operation: str | None) -> Document:
    """The problem document of a rejection, from what its event says."""
    told = dict(rejection)
    code, message = told.pop("code"), told.pop("message")
    content = document(rejected_by_code(code)(message, **told))
    # The code that was stored, also where no class has it any more.
    content |= {"type": _TYPE + code, "code": code}
    return content if operation is None else content | {"operation": operation}


def respond(request: HttpRequest, content: Document) -> HttpResponse:
    """A problem document as the answer to a request."""
    body = json.dumps({**content, "instance": request.path})
    response = HttpResponse(body, status=content["status"], content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    if content["status"] == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="ledger"'
    if seconds := _RETRY_AFTER_SECONDS.get(content["code"]):
        response["Retry-After"] = str(seconds)
    return response


def problem(request: HttpRequest, error: LedgerError | ContractError) -> HttpResponse:
    """An error as the answer to a request."""
    return respond(request, document(error))


def title_of(error: type[LedgerError]) -> str:
    """The first sentence of an error's docstring: what its code means."""
    return (error.__doc__ or "").strip().partition("\n")[0]


class ProblemMiddleware:
    """Turns what Django itself answers under /v1/ (no such route, a wrong method) into problems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """The answer of everything below, as a problem where it is an error of another form."""
        response = self.get_response(request)
        if (
            not request.path.startswith(PREFIX)
            or response.status_code < HTTPStatus.BAD_REQUEST
            or response.headers.get("Content-Type") == MEDIA_TYPE
        ):
            return response
        return _of_status(request, response)


def _of_status(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
    status = response.status_code
    fallback = errors.InternalError if status >= HTTPStatus.INTERNAL_SERVER_ERROR else errors.BadRequest
    error = _ERROR_OF_STATUS.get(status, fallback)
    content = document(error(title_of(error)))
    content["status"] = status
    made = respond(request, content)
    for name in ("Allow", "Retry-After"):
        if name in response.headers:
            made[name] = response.headers[name]
    return made


def _document(code: str, **members: Any) -> Document:
    content = {"type": _TYPE + code, "code": code, **members}
    return {name: value for name, value in content.items() if value is not None}
