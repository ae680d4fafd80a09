"""Messages from Kafka that became no operation, or not yet."""

import base64
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from easyautoml_ledger.envelope import parse
from easyautoml_ledger.errors import ContractError
from events.kafka.dead_letter_store import why
from events.models import DeadLetter, Event, Key, LetterAct, StoredMessage, WaitingMessage
from web.admin.dead_letter_actions import LetterActs
from web.admin.pages import RecordAdmin, RecordInline, link_to, moment, pretty


class _MessageAdmin(RecordAdmin):
    """What the two have in common: where it came from, why it is here, and its bytes to read."""

    search_fields: tuple[str, ...] = ("code", "topic", "reason")
    search_help_text = "code, topic, or words of the reason"

    @admin.display(description="place")
    def place(self, message: StoredMessage) -> str:
        return f"{message.topic}[{message.partition}]@{message.offset}"

    @admin.display(description="stored", ordering="id")
    def stored(self, message: StoredMessage) -> str:
        return moment(message.stored_at)

    @admin.display(description="key")
    def shown_key(self, message: StoredMessage) -> str:
        return "–" if message.key is None else bytes(message.key).decode(errors="replace")

    @admin.display(description="value")
    def shown_value(self, message: StoredMessage) -> SafeString | str:
        return _shown(message.value)

    @admin.display(description="headers")
    def shown_headers(self, message: StoredMessage) -> SafeString:
        return _headers(message.headers)


_SHOWN = ("place", "code", "reason", "stored", "shown_key", "shown_headers", "shown_value")


class LetterActInline(RecordInline):
    """Who did what about it, and when; a mended message stands here whole."""

    model = LetterAct
    verbose_name_plural = "What was done"
    fields = readonly_fields = ("done", "kind", "actor", "words", "because", "shown_message")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whoever sees the letter sees them."""
        del obj
        return request.user.has_perm("events.view_deadletter")

    @admin.display(description="at")
    def done(self, act: LetterAct) -> str:
        return moment(act.at)

    @admin.display(description="it was open because")
    def because(self, act: LetterAct) -> str:
        return why(act.code, act.reason)

    @admin.display(description="message as mended")
    def shown_message(self, act: LetterAct) -> SafeString | str:
        if act.headers is None:
            return "–"
        key = "–" if act.key is None else bytes(act.key).decode(errors="replace")
        return format_html("key {}{}{}", key, _headers(act.headers), _shown(act.value))


@admin.register(DeadLetter)
class DeadLetterAdmin(LetterActs, _MessageAdmin):
    """Parked with the reason, to be mended, replayed or dismissed."""

    list_display = ("id", "state", "code", "place", "reason", "stored")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    ordering = ("-id",)
    inlines = (LetterActInline,)
    fields = readonly_fields = ("state", *_SHOWN, "became", "told")

    @admin.display(description="told to its sender")
    def told(self, letter: DeadLetter) -> str:
        return moment(letter.published_at)

    @admin.display(description="became")
    def became(self, letter: DeadLetter) -> SafeString | str:
        """The event that its key has, once it was replayed."""
        event = _event_of(letter) if letter.state == DeadLetter.State.REPLAYED else None
        return "–" if event is None else link_to(Event, event.position, event.type)


@admin.register(WaitingMessage)
class WaitingMessageAdmin(_MessageAdmin):
    """Set aside until the user or machine that they name is known."""

    list_display = ("id", "waits_for", "place", "until", "stored")
    search_fields = ("waits_for", "topic")
    search_help_text = "what is waited for (user:42), or topic"
    ordering = ("id",)
    fields = readonly_fields = (*_SHOWN, "waits_for", "until")

    @admin.display(description="rejected after", ordering="deadline")
    def until(self, message: WaitingMessage) -> str:
        return moment(message.deadline)


def _event_of(letter: DeadLetter) -> Event | None:
    mended = letter.acts.filter(kind=LetterAct.Kind.MENDED).last()
    message = mended or letter
    try:
        event = parse(_pairs(message.headers), None if message.value is None else bytes(message.value))
    except ContractError:
        return None
    key = Key.objects.filter(source=event.source, request_id=event.id).first()
    return None if key is None else Event.objects.filter(id=key.event_id).first()


def _shown(value: Any) -> SafeString | str:
    if value is None:
        return "none"
    # As it came: an unreadable message must not be made prettier than it is.
    written = bytes(value).decode(errors="replace").replace("\0", "\N{SYMBOL FOR NULL}")
    return format_html('<pre class="overflow-x-auto text-xs leading-5">{}</pre>', written)


def _headers(headers: Any) -> SafeString:
    shown = [
        (name, None if value is None else value.decode(errors="replace")) for name, value in _pairs(headers)
    ]
    return pretty(dict(shown))


def _pairs(headers: Any) -> list[tuple[str, bytes | None]]:
    return [(name, None if value is None else base64.b64decode(value)) for name, value in headers]
