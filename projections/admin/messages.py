"""Messages from Kafka that became no operation, or not yet."""

import base64
from typing import Any

from django.contrib import admin
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from events.models import DeadLetter, StoredMessage, WaitingMessage
from projections.admin.records import RecordAdmin, moment, pretty


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
        if message.value is None:
            return "none"
        # As it came: an unreadable message must not be made prettier than it is.
        written = bytes(message.value).decode(errors="replace").replace("\0", "\N{SYMBOL FOR NULL}")
        return format_html('<pre class="overflow-x-auto text-xs leading-5">{}</pre>', written)

    @admin.display(description="headers")
    def shown_headers(self, message: StoredMessage) -> SafeString:
        return pretty({name: _decoded(value) for name, value in message.headers})


def _decoded(value: Any) -> str | None:
    return None if value is None else base64.b64decode(value).decode(errors="replace")


_SHOWN = ("place", "code", "reason", "stored", "shown_key", "shown_headers", "shown_value")


@admin.register(DeadLetter)
class DeadLetterAdmin(_MessageAdmin):
    """Parked with the reason."""

    list_display = ("id", "state", "code", "place", "reason", "stored")
    list_filter = (("state", ChoicesDropdownFilter),)
    list_filter_submit = True
    ordering = ("-id",)
    fields = readonly_fields = (*_SHOWN, "state", "resolved_at", "resolution", "published_at")


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
