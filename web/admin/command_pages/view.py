"""The page of a door: ask, try dry and show, act and say what became of it."""

from typing import Any, Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html

from events.identifiers import uuid7
from ledger.domain.errors import LedgerError
from ledger.engine.posting import post, quote
from ledger.engine.submission import Submission
from ledger.requests.four_eyes import actor_of
from models import User
from web.admin.command_pages.command_page import SOURCE, CommandPage, new_key
from web.admin.command_pages.preview import Refusal, preview_of, refusal_by, refusal_of
from web.admin.command_pages.result_page import landing

_TEMPLATE: Final = "admin/command_pages/form.html"


def page(request: HttpRequest, door: type[CommandPage]) -> HttpResponse:
    """GET asks, with what the query says filled in; POST tries dry, and with `confirm` acts.

    Raises `PermissionDenied` for who may not open the door.
    """
    person = request.user
    if not isinstance(person, User) or not person.has_perm(door.permission):
        raise PermissionDenied
    if request.method != "POST":
        return _ask(request, door(person, initial={**door.filled(request.GET.dict()), "key": new_key()}))
    form = door(person, request.POST)
    if not form.is_valid() or "change" in request.POST:
        return _ask(request, form)
    return _act(request, form) if "confirm" in request.POST else _show(request, form)


def _act(request: HttpRequest, form: CommandPage) -> HttpResponse:
    try:
        (outcome,) = post([_submission(form, str(form.cleaned_data["key"]), refuse_early=True)])
    except LedgerError as error:
        return _ask(request, form, refusal_by(error))
    event = outcome.event
    if outcome.status != "recorded" or event is None:
        if event is not None:
            form = _again(form)  # Note [Once a page]
        return _ask(request, form, refusal_of(outcome))
    done = landing(event)
    said = "This was done before" if outcome.replayed else "Done"
    link = format_html('{}: <a href="{}" class="underline">{}</a>.', said, done.url, done.shown)
    messages.success(request, link)
    may_look = admin.site.get_model_admin(done.model).has_view_permission(request)
    return redirect(done.url if may_look else "admin:index")


def _show(request: HttpRequest, form: CommandPage) -> HttpResponse:
    try:
        outcome = quote(_submission(form, uuid7()))
    except LedgerError as error:
        return _ask(request, form, refusal_by(error))
    preview = preview_of(outcome)
    if preview is None:
        return _ask(request, form, refusal_of(outcome))
    return _render(request, form, preview=preview)


def _submission(form: CommandPage, key: str, **more: Any) -> Submission:
    return form.submission(
        now=timezone.now(), source=SOURCE, request_id=key, actor=actor_of(form.person), **more
    )


def _ask(request: HttpRequest, form: CommandPage, refusal: Refusal | None = None) -> HttpResponse:
    return _render(request, form, refusal=refusal)


def _again(form: CommandPage) -> CommandPage:
    """The same page, under a key that nothing was answered for."""
    return type(form)(form.person, {**form.data.dict(), "key": new_key()})  # type: ignore[attr-defined]  # a QueryDict


def _render(request: HttpRequest, form: CommandPage, **more: Any) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": form.title, "form": form, **more}
    return render(request, _TEMPLATE, context)
