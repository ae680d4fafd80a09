"""The command pages: how staff give commands to the ledger, one page per command.

A page is made from its request. Those that need more than its fields have a class.
"""

from collections.abc import Mapping
from typing import Any, Final

from django.http import Http404, HttpRequest, HttpResponse

from ledger.requests.catalog import REQUESTS
from ledger.requests.request import Page, Request
from web.admin.command_pages import proposals, tariffs
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.view import respond

_WITH_A_CLASS: Final[Mapping[str, type[CommandPage]]] = {
    page_class.request.tag: page_class
    for page_class in (proposals.Approve, proposals.Decline, tariffs.PublishTariff, tariffs.OverrideTariff)
}


def _page_class(request: Request[Any], page: Page) -> type[CommandPage]:
    base = _WITH_A_CLASS.get(request.tag, CommandPage)
    return type(base.__name__, (base,), {"request": request, "page": page})


COMMAND_PAGES: Final[Mapping[str, type[CommandPage]]] = {
    request.page.name: _page_class(request, request.page) for request in REQUESTS if request.page is not None
}
"""The class of each page, by the last part of its URL."""


def show_command_page(request: HttpRequest, name: str) -> HttpResponse:
    """Respond to a request for the command page of this name; raise `Http404` if there is none."""
    page_class = COMMAND_PAGES.get(name)
    if page_class is None:
        raise Http404("there is no such command page")
    return respond(request, page_class)


__all__ = ["COMMAND_PAGES", "CommandPage", "show_command_page"]
