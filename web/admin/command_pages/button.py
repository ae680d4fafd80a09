"""Buttons that lead from the page of a row to a command page, with fields filled in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from web.admin.command_pages.command_page import CommandPage


def command_button(
    page_class: type[CommandPage],
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

    def redirect_to_page(
        model_admin: Any, request: HttpRequest, object_id: str | None = None
    ) -> HttpResponse:
        del model_admin, request
        initial = given if fills is None else {fills: str(object_id), **given}
        return redirect(page_class.url(**initial))

    name = "-".join([page_class.name, *given.values()]).replace(":", "-")
    return action(
        redirect_to_page,
        description=title or page_class.title,
        url_path=name,
        icon=icon,
        permissions=[page_class.permission],
    )
