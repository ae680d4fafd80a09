"""Messages from Kafka that could not be processed (dead letters), and those that wait."""

import base64
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from easyautoml_ledger.envelope import parse
from easyautoml_ledger.errors import ContractError
from events.kafka.dead_letter_store import full_reason
from events.models import DeadLetter, Event, Key, LetterAct, StoredMessage, WaitingMessage
from web.admin.dead_letter_actions import DeadLetterActions
from web.admin.formatting import link_to, pretty_json, utc_time, visible
from web.admin.pages import ReadOnlyAdmin, ReadOnlyInline


class _MessageAdmin(ReadOnlyAdmin):
    """Columns of both kinds of messages: topic and offset, the reason, key, headers and value."""

    search_fields: tuple[str, ...] = ("code", "topic", "reason")
    search_help_text = "Code, topic or part of the reason"

    @admin.display(description="topic and offset")
    def kafka_offset(self, message: StoredMessage) -> str:
        return f"{message.topic}[{message.partition}]@{message.offset}"

    @admin.display(description="stored", ordering="id")
    def stored(self, message: StoredMessage) -> str:
        return utc_time(message.stored_at)

    @admin.display(description="key")
    def shown_key(self, message: StoredMessage) -> str:
        return "–" if message.key is None else bytes(message.key).decode(errors="replace")

    @admin.display(description="value")
    def shown_value(self, message: StoredMessage) -> SafeString | str:
        return _shown(message.value)

    @admin.display(description="headers")
    def shown_headers(self, message: StoredMessage) -> SafeString:
        return _headers(message.headers)


_MESSAGE_FIELDS = ("kafka_offset", "code", "reason", "stored", "shown_key", "shown_headers", "shown_value")


class DeadLetterActionInline(ReadOnlyInline):
    """The actions taken on a dead letter, with actor and time. Mended messages are shown whole."""

    model = LetterAct
    verbose_name_plural = "Actions taken"
    fields = readonly_fields = ("done", "kind", "actor", "given_reason", "failure", "shown_message")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return True if the viewer may see dead letters."""
        del obj
        return request.user.has_perm("events.view_deadletter")

    @admin.display(description="at")
    def done(self, act: LetterAct) -> str:
        return utc_time(act.at)

    @admin.display(description="reason given")
    def given_reason(self, act: LetterAct) -> str:
        return visible(act.words) or "–"

    @admin.display(description="failure at that time")
    def failure(self, act: LetterAct) -> str:
        return full_reason(act.code, act.reason)

    @admin.display(description="message as mended")
    def shown_message(self, act: LetterAct) -> SafeString | str:
        if act.headers is None:
            return "–"
        key = "–" if act.key is None else bytes(act.key).decode(errors="replace")
        return format_html("key {}{}{}", key, _headers(act.headers), _shown(act.value))


@admin.register(DeadLetter)
class DeadLetterAdmin(DeadLetterActions, _MessageAdmin):
    """Shows messages that could not be processed, with the reason and buttons to deal with them."""

    list_display = ("id", "state", "code", "kafka_offset", "reason", "stored")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    ordering = ("-id",)
    inlines = (DeadLetterActionInline,)
    fields = readonly_fields = ("state", *_MESSAGE_FIELDS, "became", "published")

    @admin.display(description="published to the sender")
    def published(self, dead_letter: DeadLetter) -> str:
        return utc_time(dead_letter.published_at)

    @admin.display(description="resulting event")
    def became(self, dead_letter: DeadLetter) -> SafeString | str:
        """Return a link to the event that has the message's key, once the message was replayed."""
        event = _event_of(dead_letter) if dead_letter.state == DeadLetter.State.REPLAYED else None
        return "–" if event is None else link_to(Event, event.position, event.type)


@admin.register(WaitingMessage)
class WaitingMessageAdmin(_MessageAdmin):
    """Shows messages that wait until the user or machine that they name is known."""

    list_display = ("id", "waits_for", "kafka_offset", "until", "stored")
    search_fields = ("waits_for", "topic")
    search_help_text = "What the message waits for (user:42), or topic"
    ordering = ("id",)
    fields = readonly_fields = (*_MESSAGE_FIELDS, "waits_for", "until")

    @admin.display(description="rejected after", ordering="deadline")
    def until(self, message: WaitingMessage) -> str:
        return utc_time(message.deadline)


def _event_of(dead_letter: DeadLetter) -> Event | None:
    mended = dead_letter.acts.filter(kind=LetterAct.Kind.MENDED).last()
    message = mended or dead_letter
    try:
        event = parse(_pairs(message.headers), None if message.value is None else bytes(message.value))
    except ContractError:
        return None
    key = Key.objects.filter(source=event.source, request_id=event.id).first()
    return None if key is None else Event.objects.filter(id=key.event_id).first()


def _shown(value: Any) -> SafeString | str:
    if value is None:
        return "none"
    # Not reformatted: an unreadable message must be shown as it came.
    written = visible(bytes(value).decode(errors="replace"))
    return format_html('<pre class="overflow-x-auto text-xs leading-5">{}</pre>', written)


def _headers(headers: Any) -> SafeString:
    shown = [
        (name, None if value is None else value.decode(errors="replace")) for name, value in _pairs(headers)
    ]
    return pretty_json(dict(shown))


def _pairs(headers: Any) -> list[tuple[str, bytes | None]]:
    return [(name, None if value is None else base64.b64decode(value)) for name, value in headers]
