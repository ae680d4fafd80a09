"""The tables of `docs/http.md` have the routes and scopes of the server."""

from typing import Final

from django.urls import URLPattern, URLResolver, get_resolver

from easyautoml_ledger.operations import MODEL_OF_KIND
from ledger.models import ApiKey
from tests.docs import pages
from web.api.v1 import api

PAGE: Final = pages.DOCS / "http.md"

_SCOPES: Final = {
    "ReadKey": ApiKey.Scope.READ,
    "WriteKey": ApiKey.Scope.WRITE,
    "AdminKey": ApiKey.Scope.ADMIN,
    "ResolveKey": ApiKey.Scope.ADMIN,
    "ApproveKey": ApiKey.Scope.APPROVE,
}


def test_every_route_is_there_with_its_scope() -> None:
    """Method, path, scope and summary, as the OpenAPI document has them."""
    routes = {
        (method.upper(), path.removeprefix("/v1"), _SCOPES[key], operation["summary"])
        for path, operations in api.get_openapi_schema(path_prefix="/v1/")["paths"].items()
        for method, operation in operations.items()
        for needed in operation["security"]
        for key in needed
    }
    rows = pages.table(PAGE, "method", "path", "scope", "what").rows
    shown = {(method, path.strip("`"), scope.strip("`"), what) for method, path, scope, what in rows}
    assert shown == routes
    assert len(rows) == len(routes)


def test_every_route_without_a_key_is_there() -> None:
    """These are the OpenAPI document and the paths of `config/urls.py` outside the API."""
    routes = {"/v1/openapi.json"}
    for pattern in get_resolver().url_patterns:
        assert isinstance(pattern, URLPattern | URLResolver)
        if str(pattern.pattern) != "v1/":
            routes.add(f"/{pattern.pattern}")
    assert set(pages.table(PAGE, "path", "what").names()) == routes


def test_every_scope_is_explained() -> None:
    """Each has a row in the table of scopes."""
    assert pages.table(PAGE, "scope", "what it permits").names() == ApiKey.Scope.values


def test_the_fields_of_each_kind_are_those_of_its_contract() -> None:
    """Required and optional fields, without those that all kinds share."""
    shared = {"type", "operation_user", "occurred_at", "unit_price"}
    shown: dict[str, tuple[set[str], set[str]]] = {}
    for kinds, needs, may in pages.table(PAGE, "`type`", "needs", "may have").rows:
        for kind in _words(kinds):
            shown[kind] = (_words(needs), _words(may))
    contracts = {}
    for kind, model in MODEL_OF_KIND.items():
        fields = {name: field for name, field in model.model_fields.items() if name not in shared}
        needed = {name for name, field in fields.items() if field.is_required()}
        contracts[kind] = (needed, fields.keys() - needed)
    assert shown == contracts


def _words(cell: str) -> set[str]:
    return {word.strip("`") for word in cell.split(", ") if word}
