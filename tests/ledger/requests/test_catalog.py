"""The declarations of requests agree with their messages, and name their commands."""

from collections import Counter
from typing import Any

import pytest

from easyautoml_ledger.operations import Operation
from ledger.requests.catalog import REQUESTS
from ledger.requests.request import Request

by_tag = pytest.mark.parametrize("request_", REQUESTS, ids=lambda request: request.tag)


def _twice(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


def test_a_tag_names_one_command() -> None:
    """A reader of the log knows from `command.type` alone which command was sent."""
    assert _twice([request.tag for request in REQUESTS]) == []


def test_a_route_and_a_page_belong_to_one_request() -> None:
    routes = [route for request in REQUESTS for route in request.routes]
    assert _twice([route.path for route in routes]) == []
    assert _twice([route.operation_id for route in routes]) == []
    assert _twice([request.page.name for request in REQUESTS if request.page is not None]) == []


@by_tag
def test_a_declaration_names_fields_of_its_message(request_: Request[Any]) -> None:
    fields = {*request_.message.model_fields}
    if not issubclass(request_.message, Operation):  # one declaration for all kinds
        assert fields >= {*request_.erasable}
    for route in request_.routes:
        assert fields >= {*route.parameters, *route.fixed}
    if request_.page is not None:
        assert fields >= {*request_.page.shown, *filter(None, [request_.page.is_key])}
