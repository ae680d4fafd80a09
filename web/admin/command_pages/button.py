"""Buttons that lead from the page of a row to a command page, with fields filled in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from ledger.requests.request import Request
from web.admin.command_pages.command_page import page_of, url_of


def command_button(
    command: Request[Any],
    *,
    fills: str | None = None,
    title: str | None = None,
    icon: str = "bolt",
    **given: str,
) -> Any:
    """Return an action for `actions_list`, or with `fills` for `actions_detail` and `actions_row`.

    `fills` names the field that gets the row's primary key; `given` are values of further fields. The button
    is shown to viewers who have the permission of the command page.
    """
    page = page_of(command)

    def redirect_to_page(
        model_admin: Any, request: HttpRequest, object_id: str | None = None
    ) -> HttpResponse:
        del model_admin, request
        initial = given if fills is None else {fills: str(object_id), **given}
        return redirect(url_of(command, **initial))

    name = "-".join([page.name, *given.values()]).replace(":", "-")
    return action(
        redirect_to_page,
        description=title or page.title,
        url_path=name,
        icon=icon,
        permissions=[page.permission],
    )
