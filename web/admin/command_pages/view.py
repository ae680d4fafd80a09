"""The view of command pages: show the form, preview the command without writing, execute it."""

from collections.abc import Mapping
from typing import Final

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html

from events.identifiers import uuid7
from ledger.domain.errors import LedgerError
from ledger.engine.posting import post, quote
from ledger.engine.submission import Sender, Submission
from ledger.requests.four_eyes import actor_of, principal_of
from ledger.requests.request import submission_of
from models import User
from web.admin.command_pages.command_page import SOURCE, CommandPage, new_key
from web.admin.command_pages.preview import Problem, preview_of, problem_from, problem_of
from web.admin.command_pages.result_page import result_page_of

_TEMPLATE: Final = "admin/command_pages/form.html"


def respond(request: HttpRequest, page_class: type[CommandPage]) -> HttpResponse:
    """Show the form on GET, filled in by the query; on POST preview the command, or execute it (`confirm`).

    Raises `PermissionDenied` if the viewer lacks the page's permission.
    """
    person = request.user
    if not isinstance(person, User) or not person.has_perm(page_class.page.permission):
        raise PermissionDenied
    if request.method != "POST":
        initial = {**page_class.initial_values(request.GET.dict()), "key": new_key()}
        return _show_form(request, page_class(person, initial=initial))
    form = page_class(person, request.POST)
    if not form.is_valid() or "change" in request.POST:
        return _show_form(request, form)
    return _execute(request, form) if "confirm" in request.POST else _show_preview(request, form)


def _execute(request: HttpRequest, form: CommandPage) -> HttpResponse:
    try:
        (outcome,) = post([_submission(form, str(form.cleaned_data["key"]), refuse_early=True)])
    except LedgerError as error:
        return _show_form(request, form, problem_from(error))
    event = outcome.event
    if outcome.status != "recorded" or event is None:
        if event is not None:
            form = _with_new_key(form)  # Note [Once a page]
        return _show_form(request, form, problem_of(outcome))
    result = result_page_of(event)
    message = format_html(
        '{}: <a href="{}" class="underline">{}</a>.',
        "Already done" if outcome.replayed else "Done",
        result.url,
        result.link_text,
    )
    messages.success(request, message)
    may_view = admin.site.get_model_admin(result.model).has_view_permission(request)
    return redirect(result.url if may_view else "admin:index")


def _show_preview(request: HttpRequest, form: CommandPage) -> HttpResponse:
    try:
        outcome = quote(_submission(form, uuid7()))
    except LedgerError as error:
        return _show_form(request, form, problem_from(error))
    preview = preview_of(outcome)
    if preview is None:
        return _show_form(request, form, problem_of(outcome))
    return _render(request, form, {"preview": preview})


def _submission(form: CommandPage, key: str, *, refuse_early: bool = False) -> Submission:
    sender = Sender(
        source=SOURCE,
        request_id=key,
        received_at=timezone.now(),
        actor=actor_of(form.person),
        principal=principal_of(form.person),
        refuse_early=refuse_early,
    )
    return submission_of(form.request, form.parsed, sender)


def _show_form(request: HttpRequest, form: CommandPage, problem: Problem | None = None) -> HttpResponse:
    return _render(request, form, {"problem": problem})


def _with_new_key(form: CommandPage) -> CommandPage:
    """Return the same page with a key that has no answer yet."""
    return type(form)(form.person, {**form.data.dict(), "key": new_key()})  # type: ignore[attr-defined]  # a QueryDict


def _render(request: HttpRequest, form: CommandPage, shown: Mapping[str, object]) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": form.page.title, "form": form, **shown}
    return render(request, _TEMPLATE, context)
