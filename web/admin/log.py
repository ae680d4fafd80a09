"""The log: events as they were written, and how far each reader has come."""

from typing import Final

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import RangeDateTimeFilter

from events.models import Checkpoint, Event
from ledger.payloads import CONTRACTS
from web.admin.formatting import pretty_json, utc_time
from web.admin.pages import ReadOnlyAdmin, SearchAdmin
from web.admin.search import number_or_none, uuid_or_none

_TYPES: Final = tuple(dict.fromkeys(type_ for type_, _ in CONTRACTS))


class TypeFilter(admin.SimpleListFilter):
    """Filters by the event's type. The choices come from the code, not from a query."""

    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        return [(name, name) for name in _TYPES]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Event]) -> QuerySet[Event]:
        del request
        return queryset.filter(type=self.value()) if self.value() else queryset


@admin.register(Event)
class EventAdmin(SearchAdmin):
    """Shows events, searched by position, id or stream."""

    list_display = ("position", "type", "kind", "stream", "source", "recorded")
    list_filter = (TypeFilter, ("recorded_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("position",)
    search_help_text = "Position, event ID or stream"
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

    def search(self, rows: QuerySet[Event], term: str) -> QuerySet[Event]:
        if (event := uuid_or_none(term)) is not None:
            return rows.filter(id=event)
        if (position := number_or_none(term)) is not None:
            return rows.filter(pk=position)
        return rows.filter(stream=term)

    @admin.display(description="kind")
    def kind(self, event: Event) -> str:
        return str(event.data.get("kind") or "–")

    @admin.display(description="source")
    def source(self, event: Event) -> str:
        return str(event.metadata.get("source") or "–")

    @admin.display(description="occurred")
    def occurred(self, event: Event) -> str:
        return utc_time(event.occurred_at)

    @admin.display(description="recorded", ordering="position")
    def recorded(self, event: Event) -> str:
        return utc_time(event.recorded_at)

    @admin.display(description="data")
    def shown_data(self, event: Event) -> SafeString:
        return pretty_json(event.data)

    @admin.display(description="metadata")
    def shown_metadata(self, event: Event) -> SafeString:
        return pretty_json(event.metadata)


@admin.register(Checkpoint)
class CheckpointAdmin(ReadOnlyAdmin):
    """Shows how far every reader of the log has come."""

    list_display = ("name", "position", "updated")
    fields = readonly_fields = list_display
    ordering = ("name",)

    @admin.display(description="updated")
    def updated(self, checkpoint: Checkpoint) -> str:
        return utc_time(checkpoint.updated_at)
