"""What pages of records share: nobody adds, changes or deletes one, a superuser neither."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction

from ledger.domain.money import text
from ledger.domain.operations import Kind
from models import User

_COUNTED_MAX = 10_000
_USERS_FOUND_MAX = 100


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts no further than anybody turns pages: a log of millions must not be counted at every look."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:_COUNTED_MAX].count())


class RecordAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Pages of one kind of records: list, search, filters, and a page for each."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    actions = None
    checks_class = ModelAdminChecks  # unfold's asks the database for permissions, before there is one

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False


class FoundAdmin(RecordAdmin):
    """Records that are found by what a term means (an id, a position, a user), never by text within rows."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        del request
        term = search_term.strip()
        return (self.found(queryset, term) if term else queryset), False

    def found(self, records: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Which of the records a term means."""
        raise NotImplementedError


class OfUserAdmin(FoundAdmin):
    """Records that belong to a user, whose number is a plain column."""

    search_fields = ("pk",)
    search_help_text = "id, or an email address"

    @admin.display(description="user", ordering="user_id")
    def user(self, record: Any) -> SafeString | str:
        return "–" if record.user_id is None else link_to(User, record.user_id, f"user {record.user_id}")

    def found(self, records: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (key := as_uuid(term)) is not None:
            return records.filter(pk=key)
        if (user := as_number(term)) is not None:
            return records.filter(user_id=user)
        return records.filter(user_id__in=users_found(term))


class ActsWhile:
    """Records whose buttons are there in one state only; in others their doors would refuse."""

    acts_while: ClassVar[str]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        record = self.get_object(request, object_id)  # type: ignore[attr-defined]  # of the admin beside it
        if record is None or record.state != self.acts_while:
            return []
        actions: Sequence[UnfoldAction] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return actions


class SeenByViewer:
    """Pages whose rows are those that the viewer may see, by the rules that the API asks too.

    A member of staff without Django's permission for the page still sees what is his and his teams'.
    """

    seen_by: ClassVar["staticmethod[[Any], QuerySet[Any]]"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.seen_by(request.user)
        ordering = self.get_ordering(request)  # type: ignore[attr-defined]  # of the admin beside it
        return rows.order_by(*ordering) if ordering else rows

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and (
            obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active


class RecordInline(TabularInline):  # type: ignore[misc]  # unfold ships no types
    """Records on the page of what they belong to."""

    extra = 0
    max_num = 0
    can_delete = False
    hide_title = True

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False


class KindFilter(admin.SimpleListFilter):
    """By kind of operation, without asking the table which there are."""

    title = "kind"
    parameter_name = "kind"
    column: ClassVar[str] = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        del request, model_admin
        return [(kind.value, kind.value.replace("_", " ")) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        del request
        value = self.value()
        return queryset.filter(**{self.column: value}) if value else queryset


def amount(value: Decimal | None, currency: str) -> SafeString | str:
    """An amount as every page shows it: 8 decimals and the currency, or a dash for none."""
    return "–" if value is None else _unbroken(f"{text(value)} {currency}")


def amounts(values: Iterable[tuple[str, Decimal | None, str]]) -> SafeString | str:
    """Several amounts with their names; those that are there and not zero, or a dash for none."""
    shown = [(name, amount(value, currency)) for name, value, currency in values if value]
    return format_html_join(", ", "{}{}", shown) if shown else "–"


def moment(value: datetime | None) -> SafeString | str:
    """A time in UTC, to the microsecond, as the log has it."""
    return "–" if value is None else _unbroken(f"{value:%Y-%m-%d %H:%M:%S.%f}Z")


def pretty(value: Any) -> SafeString:
    """JSON to read."""
    written = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="overflow-x-auto text-xs leading-5">{}</pre>', written)


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    """A small table: names in the first column, amounts in the others."""
    cell = '<{} class="px-3 py-1 font-{} {} first:pl-0 whitespace-nowrap">{}</{}>'

    def line(cells: Sequence[object], tag: str, weight: str) -> SafeString:
        shown = (
            (tag, weight, "text-right" if number else "text-left", each, tag)
            for number, each in enumerate(cells)
        )
        return format_html("<tr>{}</tr>", format_html_join("", cell, shown))

    body = format_html_join("", "{}", ((line(row, "td", "normal"),) for row in rows))
    return format_html(
        '<div class="overflow-x-auto"><table class="text-sm">{}{}</table></div>',
        line(head, "th", "medium"),
        body,
    )


def link_to(model: type[Model], key: Any, shown: object) -> SafeString:
    """A link to the page of a row."""
    url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[key])
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', url, shown)


def _unbroken(shown: str) -> SafeString:
    return format_html('<span class="whitespace-nowrap tabular-nums">{}</span>', shown)


def as_uuid(term: str) -> UUID | None:
    """The id that a search term is, if it is one."""
    try:
        return UUID(term)
    except ValueError:
        return None


def as_number(term: str) -> int | None:
    """The position or id that a search term is, if it fits one."""
    return int(term) if term.isascii() and term.isdecimal() and int(term) < 2**63 else None


def users_found(term: str) -> list[int]:
    """The ids of users whose address has the term in it; so many at most."""
    found = User.objects.filter(email__icontains=term).order_by("pk")
    return list(found.values_list("pk", flat=True)[:_USERS_FOUND_MAX])


def kinds_found(term: str) -> list[str]:
    """The kinds of operations that have the term in their names."""
    written = term.lower().replace(" ", "_")
    return [kind.value for kind in Kind if written in kind.value]
