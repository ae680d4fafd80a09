"""Errors over HTTP: RFC 9457 problem documents for errors of the ledger, of Django and of ninja."""

import json
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Annotated, Any, Final, TypeAlias

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from pydantic import BaseModel, ConfigDict, Field
from typing_extensions import TypeAliasType

from easyautoml_ledger.errors import ContractError
from ledger.domain.errors import LedgerError, NotFound, rejected_by_code
from web.api import errors

Document: TypeAlias = dict[str, Any]
"""A problem document as JSON, described by `Problem`."""

PREFIX: Final = "/v1/"
MEDIA_TYPE: Final = "application/problem+json"

_TYPE: Final = "tag:easyautoml.com,2026:ledger/"
_RETRY_AFTER_SECONDS: Final = {
    "undecided": 5,
    "busy": 1,
    "unavailable": 2,
    "overloaded": 1,
    "answer_timeout": 1,
}

# The HTTP status of each contract error; 422 for those that are not listed.
_STATUS_OF_CONTRACT: Final = {
    "empty_value": 400,
    "invalid_utf8": 400,
    "malformed_json": 400,
    "duplicate_key": 400,
    "not_a_number": 400,
    "too_large": 413,
    "unsupported_content_type": 415,
}

# The error for each status that Django or the server answers without one of our exceptions.
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


ProblemDetails = TypeAliasType(
    "ProblemDetails",
    Annotated[
        dict[str, Any],
        Field(
            description="Values specific to the code, such as amounts (as strings), a currency or a limit."
        ),
    ],
)


class Problem(BaseModel):
    """The reason why a request failed. `code` is stable and listed in docs/errors.md."""

    model_config = ConfigDict(frozen=True)

    type: str = Field(description="A tag URI that ends in the code.")
    title: str = Field(description="The meaning of the code.")
    status: int
    code: str
    detail: str = Field(description="The error in this request.")
    retryable: bool = Field(description="True if the same request may succeed later.")
    instance: str | None = None
    field: str | None = Field(
        default=None, description="The field, header or parameter at fault; a field as a dotted path."
    )
    details: ProblemDetails | None = None
    operation: str | None = Field(
        default=None,
        description="The id of the rejected operation, which can be fetched.",
    )


def document(error: LedgerError | ContractError) -> Document:
    """Return the problem document of an error, without `instance`."""
    if isinstance(error, ContractError):
        return _document(
            error.code,
            status=_STATUS_OF_CONTRACT.get(error.code, 422),
            title="The request does not conform to the contract.",
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
    """Return the problem document of a rejection that is stored in an event."""
    details = dict(rejection)
    code, message = details.pop("code"), details.pop("message")
    content = document(rejected_by_code(code)(message, **details))
    # The stored code is kept even if no class has it any more.
    content |= {"type": _TYPE + code, "code": code}
    return content if operation is None else content | {"operation": operation}


def respond(request: HttpRequest, content: Document) -> HttpResponse:
    """Return a problem document as the response to a request."""
    body = json.dumps({**content, "instance": request.path})
    response = HttpResponse(body, status=content["status"], content_type=MEDIA_TYPE)
    response["Cache-Control"] = "no-store"
    if content["status"] == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = 'Bearer realm="ledger"'
    if seconds := _RETRY_AFTER_SECONDS.get(content["code"]):
        response["Retry-After"] = str(seconds)
    return response


def problem(request: HttpRequest, error: LedgerError | ContractError) -> HttpResponse:
    """Return an error as the response to a request."""
    return respond(request, document(error))


def title_of(error: type[LedgerError]) -> str:
    """Return the first line of an error's docstring: the meaning of its code."""
    return (error.__doc__ or "").strip().partition("\n")[0]


class ProblemMiddleware:
    """Turn the errors that Django itself answers under /v1/ (unknown route, wrong method) into problems."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response, as a problem if it is an error in another form."""
        response = self.get_response(request)
        if (
            not request.path.startswith(PREFIX)
            or response.status_code < HTTPStatus.BAD_REQUEST
            or response.headers.get("Content-Type") == MEDIA_TYPE
        ):
            return response
        return _problem_of_status(request, response)


def _problem_of_status(request: HttpRequest, response: HttpResponseBase) -> HttpResponse:
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
