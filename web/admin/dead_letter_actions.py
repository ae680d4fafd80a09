"""Mending, replaying and dismissing a dead letter: a page with a form for each."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from django import forms
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from events.kafka import dead_letter_store
from events.kafka.dead_letter_store import StoredDeadLetter
from events.kafka.notation import from_text, headers_from_text, headers_to_text, to_text
from events.models import DeadLetter
from ledger.domain.errors import LedgerError
from ledger.intake import dead_letters
from web.admin.pages import ActsWhile, as_number

_KEPT = "Kept with your name."
_WRITTEN = "What is no text stands as base64:… and may be written so."


class _BytesField(forms.CharField):
    """Bytes as people write them; empty is none at all."""

    def __init__(self, *, label: str, widget: forms.Widget, help_text: str) -> None:
        super().__init__(label=label, required=False, strip=False, widget=widget, help_text=help_text)

    def clean(self, value: Any) -> Any:
        """The bytes."""
        try:
            return from_text(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class _HeadersField(forms.CharField):
    """Headers as a JSON list of pairs."""

    def clean(self, value: Any) -> Any:
        """The headers with their bytes."""
        try:
            return headers_from_text(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class MendForm(forms.Form):
    """The message as it is to be replayed."""

    key = _BytesField(label="key", widget=UnfoldAdminTextInputWidget(), help_text=_WRITTEN)
    headers = _HeadersField(
        label="headers",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "font-mono max-w-4xl"}),
        help_text="A JSON list of pairs of texts. " + _WRITTEN,
    )
    value = _BytesField(
        label="value",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "class": "font-mono max-w-4xl"}),
        help_text="Empty is no value: a tombstone. " + _WRITTEN,
    )
    words = forms.CharField(
        label="why", required=False, max_length=1000, widget=UnfoldAdminTextInputWidget(), help_text=_KEPT
    )


class ReplayForm(forms.Form):
    """Nothing to fill in."""


class DismissForm(forms.Form):
    """Why nothing is to become of it."""

    words = forms.CharField(
        label="why", max_length=1000, widget=UnfoldAdminTextInputWidget(), help_text=_KEPT
    )


class _Done(Protocol):
    """What is done with the form's values; answers what to tell."""

    def __call__(self, *, letter: int, actor: str, **values: Any) -> str: ...


_View: TypeAlias = Callable[["LetterActs", HttpRequest, str], HttpResponse]


def _act(**options: Any) -> Callable[[_View], _View]:
    """A button on the letter's page."""
    decorated: Callable[[_View], _View] = action(permissions=["act"], **options)
    return decorated


class LetterActs(ActsWhile):
    """The three actions on a letter's page; for whoever may change dead letters, while it is open."""

    opts: Any
    admin_site: Any
    message_user: Any

    acts_while = DeadLetter.State.OPEN
    actions_detail: ClassVar[Sequence[str]] = ("mend", "replay", "dismiss")

    def has_act_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Whoever may change dead letters."""
        del object_id
        return request.user.has_perm("events.change_deadletter")

    @_act(description="Mend", url_path="mend", icon="edit")
    def mend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Write another message to be replayed in its place."""
        return self._page(request, object_id, form=MendForm, act=_mend, button="Keep the mended message")

    @_act(description="Replay", url_path="replay", icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Send it the way of its topic once more."""
        return self._page(request, object_id, form=ReplayForm, act=_replay, button="Replay")

    @_act(description="Dismiss", url_path="dismiss", icon="block", variant=ActionVariant.DANGER)
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Say that nothing is to become of it."""
        return self._page(request, object_id, form=DismissForm, act=_dismiss, button="Dismiss")

    def _page(
        self, request: HttpRequest, object_id: str, *, form: type[forms.Form], act: _Done, button: str
    ) -> HttpResponse:
        letter = _letter(object_id)
        back = reverse("admin:events_deadletter_change", args=[letter.id])
        filled = form(request.POST if request.method == "POST" else None, initial=_initial(letter))
        if filled.is_valid():
            try:
                told = act(letter=letter.id, actor=f"user:{request.user.pk}", **filled.cleaned_data)
            except LedgerError as error:
                self.message_user(request, error.message, messages.ERROR)
            else:
                self.message_user(request, told, messages.SUCCESS)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{button}: dead letter {letter.id}",
            "letter": letter,
            "why": dead_letter_store.why(letter.code, letter.reason),
            "headers": headers_to_text(letter.message.headers),
            "value": to_text(letter.message.value),
            "shows_message": form is not MendForm,
            "form": filled,
            "button": button,
            "back": back,
        }
        return TemplateResponse(request, "admin/dead_letter_action.html", context)


def _letter(object_id: str) -> StoredDeadLetter:
    with connection.cursor() as cursor:
        number = as_number(object_id)
        found = None if number is None else dead_letter_store.read(cursor, number)
    if found is None:
        raise Http404
    return found


def _initial(letter: StoredDeadLetter) -> dict[str, str]:
    message = letter.message
    return {
        "key": to_text(message.key),
        "headers": headers_to_text(message.headers),
        "value": to_text(message.value),
    }


def _mend(*, letter: int, actor: str, **values: Any) -> str:
    dead_letters.mend(letter=letter, actor=actor, **values)
    return "The mended message is kept; replay it to see what becomes of it."


def _replay(*, letter: int, actor: str, **_: Any) -> str:
    tally = dead_letters.replay(letter=letter, actor=actor)
    if tally["parked"]:
        return "It was parked again: see the new reason."
    return f"Replayed: {', '.join(sorted(tally))}."


def _dismiss(*, letter: int, actor: str, **values: Any) -> str:
    dead_letters.dismiss(letter=letter, actor=actor, **values)
    return "Dismissed."
