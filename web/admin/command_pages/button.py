"""Buttons on the pages of records that lead to doors, with fields filled in."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from unfold.decorators import action

from web.admin.command_pages.command_page import CommandPage


def opens(
    door: type[CommandPage],
    *,
    fills: str | None = None,
    title: str | None = None,
    icon: str = "bolt",
    **given: str,
) -> Any:
    """An action for `actions_list`, or with `fills` for `actions_detail` and `actions_row`.

    `fills` is the field that gets the record's key, `given` are further fields. Only who may open the
    door sees the button.
    """

    def go(model_admin: Any, request: HttpRequest, object_id: str | None = None) -> HttpResponse:
        del model_admin, request
        filled = given if fills is None else {fills: str(object_id), **given}
        return redirect(door.address(**filled))

    name = "-".join([door.name, *given.values()]).replace(":", "-")
    return action(
        go, description=title or door.title, url_path=name, icon=icon, permissions=[door.permission]
    )
