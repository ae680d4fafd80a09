"""The API under /v1: its routes, and problem documents for all errors."""

import logging
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError, ValidationErrorContext
from ninja.openapi.schema import OpenAPISchema

from easyautoml_ledger.errors import ContractError, first_contract_error
from ledger.domain.errors import LedgerError, NotFound
from web.api import proposals  # noqa: F401 (first: `/periods/{period}` would match its routes)

# isort: split
from web.api import (  # noqa: F401 (importing them adds their routes)
    consulting,
    coupons,
    dues,
    errors,
    holds,
    operations,
    payouts,
    periods,
    tariffs,
    users,
)
from web.api.commands import add_routes
from web.api.documentation import LICENSE, SERVERS, TAGS, completed
from web.api.problems import problem
from web.api.routes import router

_log = logging.getLogger(__name__)

_DESCRIPTION = """\
Records operations as immutable events with balanced entries. Amounts are decimal strings. Every error is a
problem document (RFC 9457) with a stable `code`. A command is executed once per idempotency key."""


class _UnreadableParameter(ValidationError):
    """A path or query parameter that does not conform to its contract."""

    def __init__(self, error: ContractError) -> None:
        super().__init__([])
        self.error = error


class LedgerAPI(NinjaAPI):
    """django-ninja's API with the contracts' errors, in the answers and in the OpenAPI document."""

    def validation_error_from_error_contexts(
        self,
        error_contexts: list[ValidationErrorContext[Any]],
    ) -> ValidationError:
        """Return the first error in the parameters."""
        error = first_contract_error(error_contexts[0].pydantic_validation_error)
        name = (error.field or "").rpartition(".")[2]
        return _UnreadableParameter(ContractError(error.code, error.message, name or None))

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        """Return the generated document with what `documentation.completed` adds."""
        document = super().get_openapi_schema(**options)
        completed(document)
        return document


add_routes()
api = LedgerAPI(
    title="EasyAutoML billing ledger",
    version="1.0.0",
    description=_DESCRIPTION,
    urls_namespace="v1",
    docs_url=None,
    openapi_url=None,  # served by `web.api.documents`
    servers=list(SERVERS),
    openapi_extra={"info": {"license": LICENSE}, "tags": list(TAGS)},
)
api.add_router("", router)


@api.exception_handler(LedgerError)
@api.exception_handler(ContractError)
def _refused(request: HttpRequest, error: LedgerError | ContractError) -> HttpResponse:
    return problem(request, error)


@api.exception_handler(_UnreadableParameter)
def _unreadable(request: HttpRequest, error: _UnreadableParameter) -> HttpResponse:
    return problem(request, error.error)


@api.exception_handler(AuthenticationError)
def _unauthenticated(request: HttpRequest, _: AuthenticationError) -> HttpResponse:
    return problem(request, errors.Unauthenticated("send a valid API key as a bearer token"))


@api.exception_handler(Http404)
def _not_found(request: HttpRequest, _: Http404) -> HttpResponse:
    return problem(request, NotFound("there is no such resource"))


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _unavailable(request: HttpRequest, error: Exception) -> HttpResponse:
    _log.error("the database failed under %s %s", request.method, request.path, exc_info=error)
    return problem(request, errors.Unavailable("the ledger cannot reach its database"))


@api.exception_handler(Exception)
def _failed(request: HttpRequest, error: Exception) -> HttpResponse:
    _log.error("%s %s failed", request.method, request.path, exc_info=error)
    return problem(request, errors.InternalError("the ledger failed on this request"))


@api.exception_handler(HttpError)
def _refused_by_ninja(request: HttpRequest, error: HttpError) -> HttpResponse:
    return problem(request, errors.BadRequest(str(error)))
