"""The OpenAPI and AsyncAPI documents, served without a key: made once per process, with an ETag."""

import json
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from threading import Lock
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition, require_safe

from easyautoml_ledger import asyncapi as contracts
from easyautoml_ledger.schemas import as_text
from web.api.v1 import api

_making: Final = Lock()


@cache
def _openapi() -> bytes:
    """Return the OpenAPI document of the routes under /v1, which takes a second to make."""
    document = api.get_openapi_schema(path_prefix="v1/")
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


@cache
def _asyncapi() -> bytes:
    """Return the AsyncAPI 3 document of the Kafka topics and messages."""
    return as_text(contracts.document()).encode()


def _served(make: Callable[[], bytes]) -> Callable[[HttpRequest], HttpResponse]:
    @cache
    def entity_tag() -> str:
        return f'"{sha256(made()).hexdigest()[:32]}"'

    def made() -> bytes:
        with _making:  # requests that arrive while it is made wait for it instead of making it too
            return make()

    @require_safe
    @condition(etag_func=lambda _: entity_tag())
    def view(_: HttpRequest) -> HttpResponse:
        return HttpResponse(made(), content_type="application/json")

    return view


def make_documents() -> None:
    """Make both, so that the first request for one does not have to wait."""
    with _making:
        _openapi()
        _asyncapi()


openapi: Final = _served(_openapi)
asyncapi: Final = _served(_asyncapi)
