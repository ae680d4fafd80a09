"""Base classes of the pages. Most are read-only: even a superuser cannot add, change or delete a row."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.safestring import SafeString
from unfold.admin import ModelAdmin, TabularInline
from unfold.dataclasses import UnfoldAction

from models import User
from web.admin.formatting import link_to
from web.admin.search import number_or_none, user_ids_matching, uuid_or_none

_COUNTED_MAX = 10_000


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs alone
    """Counts at most 10,000 rows, because a log of millions takes too long to count for every view."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        return int(rows.order_by()[:_COUNTED_MAX].count())


class ReadOnlyAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Read-only pages of one model: a list with search and filters, and a page for each row."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    list_fullwidth = True
    actions = None
    checks_class = ModelAdminChecks  # unfold's own read permissions from a database that may not exist yet

    def has_add_permission(self, request: HttpRequest) -> bool:
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        del request, obj
        return False


class SearchAdmin(ReadOnlyAdmin):
    """Pages whose search interprets the term (an id, a position, a user) and never matches text in rows."""

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        del request
        term = search_term.strip()
        return (self.search(queryset, term) if term else queryset), False

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the rows that a term means, which is not empty."""
        raise NotImplementedError


class UserOwnedAdmin(SearchAdmin):
    """Pages of rows that belong to a user and have the user's id in a plain column."""

    search_fields = ("pk",)
    search_help_text = "ID, user ID or email address"

    @admin.display(description="user", ordering="user_id")
    def user(self, row: Any) -> SafeString | str:
        return "–" if row.user_id is None else link_to(User, row.user_id, f"user {row.user_id}")

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (key := uuid_or_none(term)) is not None:
            return rows.filter(pk=key)
        if (user := number_or_none(term)) is not None:
            return rows.filter(user_id=user)
        return rows.filter(user_id__in=user_ids_matching(term))


class ActionsInState:
    """Shows the buttons of a row in one state only; in any other the ledger would refuse their commands."""

    action_state: ClassVar[str]

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        row = self.get_object(request, object_id)  # type: ignore[attr-defined]  # of ModelAdmin
        if row is None or row.state != self.action_state:
            return []
        actions: Sequence[UnfoldAction] = super().get_actions_detail(request, object_id)  # type: ignore[misc]
        return actions


class VisibleToViewer:
    """Pages that show a viewer the rows that the API would show them, by the same rules.

    Staff without Django's permission for the page still see their own rows and those of their teams.
    """

    visible_to: ClassVar["staticmethod[[Any], QuerySet[Any]]"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = self.visible_to(request.user)
        ordering = self.get_ordering(request)  # type: ignore[attr-defined]  # of ModelAdmin
        return rows.order_by(*ordering) if ordering else rows

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_active and (
            obj is None or self.get_queryset(request).filter(pk=obj.pk).exists()
        )

    def has_module_permission(self, request: HttpRequest) -> bool:
        return request.user.is_active


class ReadOnlyInline(TabularInline):  # type: ignore[misc]  # unfold ships no types
    """Read-only rows on the page of the row that they belong to."""

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
