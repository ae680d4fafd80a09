"""The log itself: events as they were written."""

from typing import Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from events.models import Checkpoint, Event
from ledger.payloads import CONTRACTS
from web.admin.pages import FoundAdmin, RecordAdmin, as_number, as_uuid, moment, pretty

_TYPES: Final = tuple(dict.fromkeys(type_ for type_, _ in CONTRACTS))


class TypeFilter(admin.SimpleListFilter):
    """By the event's type, without asking the log which there are."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        return [(name, name) for name in _TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        del request
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(FoundAdmin):
    """Found by position, id, stream, or the sender's key."""

    list_display = ("position", "type", "kind", "stream", "source", "recorded")
    list_filter = (TypeFilter, ("recorded_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("position",)
    search_help_text = "position, event id, or stream"
    ordering = ("-position",)
    fields = readonly_fields = (
        "position",
        "id",
        "type",
        "stream",
        "schema_version",
        "occurred",
        "recorded",
        "shown_data",
        "shown_metadata",
    )

    def found(self, records: QuerySet[Event], term: str) -> QuerySet[Event]:
        if (event := as_uuid(term)) is not None:
            return records.filter(id=event)
        if (position := as_number(term)) is not None:
            return records.filter(pk=position)
        return records.filter(stream=term)

    @admin.display(description="kind")
    def kind(self, event: Event) -> str:
        return str(event.data.get("kind") or "–")

    @admin.display(description="source")
    def source(self, event: Event) -> str:
        return str(event.metadata.get("source") or "–")

    @admin.display(description="occurred")
    def occurred(self, event: Event) -> str:
        return moment(event.occurred_at)

    @admin.display(description="recorded", ordering="position")
    def recorded(self, event: Event) -> str:
        return moment(event.recorded_at)

    @admin.display(description="data")
    def shown_data(self, event: Event) -> SafeString:
        return pretty(event.data)

    @admin.display(description="metadata")
    def shown_metadata(self, event: Event) -> SafeString:
        return pretty(event.metadata)


@admin.register(Checkpoint)
class CheckpointAdmin(RecordAdmin):
    """How far every reader of the log has come."""

    list_display = ("name", "position", "updated")
    fields = readonly_fields = list_display
    ordering = ("name",)

    @admin.display(description="updated")
    def updated(self, checkpoint: Checkpoint) -> str:
        return moment(checkpoint.updated_at)
