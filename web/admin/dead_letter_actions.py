"""Mending, replaying and dismissing a dead letter, each with a form on a page of its own."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol, TypeAlias

from django import forms
from django.contrib import messages
from django.db import connection
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from typing_extensions import override
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from events.kafka import dead_letter_store
from events.kafka.dead_letter_store import StoredDeadLetter
from events.kafka.notation import from_text, headers_from_text, headers_to_text, to_text
from events.models import DeadLetter
from ledger.domain.errors import LedgerError
from ledger.intake import dead_letters
from web.admin.pages import ActionsInState
from web.admin.search import number_or_none

_REASON_HELP = "Stored with your name."
_BYTES_HELP = 'Write bytes that are not text in Base64, after the prefix "base64:".'


class _BytesField(forms.CharField):
    """Bytes in the notation of `events.kafka.notation`; an empty text means None."""

    def __init__(self, *, label: str, widget: forms.Widget, help_text: str) -> None:
        super().__init__(label=label, required=False, strip=False, widget=widget, help_text=help_text)

    @override
    def clean(self, value: Any) -> Any:
        try:
            return from_text(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class _HeadersField(forms.CharField):
    """Headers, names with bytes, written as a JSON list of pairs."""

    @override
    def clean(self, value: Any) -> Any:
        try:
            return headers_from_text(super().clean(value))
        except ValueError as error:
            raise forms.ValidationError(str(error)) from error


class MendForm(forms.Form):
    """The message to replay in place of the one that came."""

    key = _BytesField(label="Key", widget=UnfoldAdminTextInputWidget(), help_text=_BYTES_HELP)
    headers = _HeadersField(
        label="Headers",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 12, "class": "font-mono max-w-4xl"}),
        help_text="A JSON list of pairs: name and value. " + _BYTES_HELP,
    )
    value = _BytesField(
        label="Value",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 14, "class": "font-mono max-w-4xl"}),
        help_text="Leave empty for a message without a value (a tombstone). " + _BYTES_HELP,
    )
    words = forms.CharField(
        label="Reason",
        required=False,
        max_length=1000,
        widget=UnfoldAdminTextInputWidget(),
        help_text=_REASON_HELP,
    )


class ReplayForm(forms.Form):
    """The mend that the page shows, so that what is replayed is what was read."""

    mend = forms.IntegerField(required=False, widget=forms.HiddenInput())


class DismissForm(forms.Form):
    """The reason for dismissing the message."""

    words = forms.CharField(
        label="Reason", max_length=1000, widget=UnfoldAdminTextInputWidget(), help_text=_REASON_HELP
    )


class _Execute(Protocol):
    """Executes an action with the form's values; returns the message to show. Raises `LedgerError`."""

    def __call__(self, *, dead_letter: int, actor: str, **values: Any) -> str: ...


_View: TypeAlias = Callable[["DeadLetterActions", HttpRequest, str], HttpResponse]


def _button(**options: Any) -> Callable[[_View], _View]:
    """Return a decorator that makes a view a button on the dead letter's page."""
    decorated: Callable[[_View], _View] = action(permissions=["act"], **options)
    return decorated


class DeadLetterActions(ActionsInState):
    """The three buttons on the page of an open dead letter, for staff who may change dead letters."""

    opts: Any
    admin_site: Any
    message_user: Any

    action_state = DeadLetter.State.OPEN
    actions_detail: ClassVar[Sequence[str]] = ("mend", "replay", "dismiss")

    def has_act_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        """Return True if the viewer may change dead letters. `_button` names this permission."""
        del object_id
        return request.user.has_perm("events.change_deadletter")

    @_button(description="Mend", url_path="mend", icon="edit")
    def mend(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Store a corrected message, to be replayed in place of the one that came."""
        return self._page(
            request, object_id, "Mend", form_class=MendForm, execute=_mend, button="Save the mended message"
        )

    @_button(description="Replay", url_path="replay", icon="replay")
    def replay(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Process the message once more, by the route of its topic."""
        return self._page(request, object_id, "Replay", form_class=ReplayForm, execute=_replay)

    @_button(description="Dismiss", url_path="dismiss", icon="block", variant=ActionVariant.DANGER)
    def dismiss(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Record that the message will not be processed."""
        return self._page(request, object_id, "Dismiss", form_class=DismissForm, execute=_dismiss)

    def _page(
        self,
        request: HttpRequest,
        object_id: str,
        verb: str,
        *,
        form_class: type[forms.Form],
        execute: _Execute,
        button: str = "",
    ) -> HttpResponse:
        dead_letter = _dead_letter_or_404(object_id)
        back = reverse("admin:events_deadletter_change", args=[dead_letter.id])
        form = form_class(request.POST if request.method == "POST" else None, initial=_initial(dead_letter))
        if form.is_valid():
            try:
                done = execute(
                    dead_letter=dead_letter.id, actor=f"user:{request.user.pk}", **form.cleaned_data
                )
            except LedgerError as error:
                self.message_user(request, error.message, messages.ERROR)
            else:
                self.message_user(request, done, messages.SUCCESS)
            return HttpResponseRedirect(back)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": f"{verb} dead letter {dead_letter.id}",
            "dead_letter": dead_letter,
            "reason": dead_letter_store.full_reason(dead_letter.code, dead_letter.reason),
            "headers": headers_to_text(dead_letter.message.headers),
            "value": to_text(dead_letter.message.value),
            "shows_message": form_class is not MendForm,
            "form": form,
            "button": button or verb,
            "back": back,
        }
        return TemplateResponse(request, "admin/dead_letter_action.html", context)


def _dead_letter_or_404(object_id: str) -> StoredDeadLetter:
    with connection.cursor() as cursor:
        number = number_or_none(object_id)
        found = None if number is None else dead_letter_store.read(cursor, number)
    if found is None:
        raise Http404
    return found


def _initial(dead_letter: StoredDeadLetter) -> dict[str, Any]:
    message = dead_letter.message
    return {
        "mend": dead_letter.mend,
        "key": to_text(message.key),
        "headers": headers_to_text(message.headers),
        "value": to_text(message.value),
    }


def _mend(*, dead_letter: int, actor: str, **values: Any) -> str:
    dead_letters.mend(dead_letter=dead_letter, actor=actor, **values)
    return "The mended message is saved. Another person replays it."


def _replay(*, dead_letter: int, actor: str, **values: Any) -> str:
    tally = dead_letters.replay(dead_letter=dead_letter, actor=actor, **values)
    if tally["parked"]:
        return "The message failed again and is still a dead letter: see the new reason."
    return f"Replayed: {', '.join(sorted(tally))}."


def _dismiss(*, dead_letter: int, actor: str, **values: Any) -> str:
    dead_letters.dismiss(dead_letter=dead_letter, actor=actor, **values)
    return "Dismissed."
