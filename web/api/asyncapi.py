"""The AsyncAPI document of the Kafka topics and messages, served without a key like the OpenAPI document."""

from functools import cache

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from easyautoml_ledger.asyncapi import document
from easyautoml_ledger.schemas import as_text


@require_safe
def asyncapi(_: HttpRequest) -> HttpResponse:
    """Return the AsyncAPI 3 document."""
    return HttpResponse(_text(), content_type="application/json")


@cache
def _text() -> bytes:
    return as_text(document()).encode()
