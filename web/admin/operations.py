"""Pages of operations with their entries, of entries, and of the older system's billing table."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db.models import DecimalField, Exists, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter, RangeDateTimeFilter
from unfold.dataclasses import UnfoldAction

from events.models import Event
from ledger.domain.operations import Kind
from ledger.models import Account, PublishedTariff
from ledger.requests.chargebacks import CHARGE_BACK
from ledger.requests.operations import REVERSE
from models.access import operations_seen_by
from models.billing import Entry, Operation
from models.machine_billing import Billing
from models.posting import LINKS
from web.admin.command_pages.button import command_button
from web.admin.command_pages.command_page import page_of
from web.admin.decisions import DecisionColumns
from web.admin.formatting import amount, amounts, link_to, spaced, utc_time
from web.admin.pages import ReadOnlyInline, SearchAdmin, VisibleToViewer
from web.admin.search import kinds_matching, number_or_none, user_ids_matching, uuid_or_none

_VERSIONS_MAX = 50


class _EntryColumns:
    """Columns of an entry, in lists and on its operation's page."""

    @admin.display(description="amount")
    def shown_amount(self, entry: Entry) -> str:
        return amount(entry.amount, entry.currency)

    @admin.display(description="balance after")
    def shown_balance(self, entry: Entry) -> str:
        return amount(entry.balance_after, entry.currency)

    @admin.display(description="account")
    def account(self, entry: Entry) -> str:
        code: str | None = getattr(entry, "account_code", None)
        return code or str(entry.account_id)

    @admin.display(description="operation")
    def of_operation(self, entry: Entry) -> str:
        return link_to(Operation, entry.operation_id, entry.operation.kind)

    @admin.display(description="recorded", ordering="position")
    def recorded(self, entry: Entry) -> str:
        return utc_time(entry.recorded_at)


def _with_account_codes(entries: QuerySet[Entry]) -> QuerySet[Any]:
    code = Account.objects.filter(pk=OuterRef("account_id")).values("code")[:1]
    return entries.annotate(account_code=Subquery(code))


class EntryInline(_EntryColumns, ReadOnlyInline):
    """The entries that an operation posted, in their order."""

    model = Entry
    ordering = ("id",)
    fields = readonly_fields = (
        "transfer",
        "side",
        "account",
        "shown_amount",
        "shown_balance",
        "account_version",
    )
    verbose_name_plural = "entries"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return _with_account_codes(super().get_queryset(request))


class KindFilter(admin.SimpleListFilter):
    """Filters by kind of operation. The choices come from the code, not from a query."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        return [(kind.value, spaced(kind.value)) for kind in Kind]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        del request
        value = self.value()
        return queryset.filter(kind=value) if value else queryset


class TariffFilter(admin.SimpleListFilter):
    """Filters by the tariff version that priced an operation, including terms of a user or a team."""

    title = "tariff"
    parameter_name = "tariff"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        versions = PublishedTariff.objects.order_by("-version").values_list("version", flat=True)
        return [(str(version), str(version)) for version in versions[:_VERSIONS_MAX]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Operation]) -> QuerySet[Operation]:
        del request
        version = number_or_none(self.value() or "")
        if version is None:
            return queryset
        used = Event.objects.filter(position=OuterRef("position")).filter(
            Q(data__pricing__tariff=version) | Q(data__pricing__overrides__contains=[version])
        )
        tariff = PublishedTariff.objects.filter(version=version).first()
        if tariff is not None:
            # Nothing older can have been priced by it.
            queryset = queryset.filter(occurred_at__gte=tariff.effective_from)
        return queryset.filter(Exists(used))


@admin.register(Operation)
class OperationAdmin(DecisionColumns, VisibleToViewer, SearchAdmin):
    """Shows operations, searched by id, position, kind or the user's address."""

    visible_to = staticmethod(operations_seen_by)

    actions_list = ("charge_back",)
    actions_detail = ("reverse_operation", "charge_back_this")
    actions_row = ("reverse_operation",)
    charge_back = command_button(CHARGE_BACK, icon="credit_card_off")
    charge_back_this = command_button(CHARGE_BACK, fills="operation", icon="credit_card_off")
    reverse_operation = command_button(REVERSE, fills="operation", icon="undo")
    list_display = ("id", "kind", "user", "machine_name", "count_of_lines", "recorded", "position")
    list_filter = (KindFilter, TariffFilter, ("recorded_at", RangeDateTimeFilter))
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Operation ID, position, kind or email address"
    ordering = ("-position",)
    inlines = (EntryInline,)
    fieldsets = (
        (None, {"fields": ("id", ("kind", "position"), ("occurred", "recorded"), "effective")}),
        (
            "User and machine",
            {"fields": (("user", "owner"), "machine_name", ("count_of_lines", "count_of_training_epoch"))},
        ),
        ("Decision", {"fields": DecisionColumns.decision_fields}),
        ("Linked entries", {"fields": (("credit", "debit"), ("credit_ixioo", "debit_ixioo"))}),
    )
    readonly_fields = (
        *("user", "owner", "machine_name", "occurred", "recorded", "effective"),
        *DecisionColumns.decision_fields,
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        rows: QuerySet[Operation] = super().get_queryset(request)
        return rows.select_related("operation_user", "machine_owner", "machine", *LINKS)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        """Return the buttons; the one to charge back only for a payment, which alone can be charged back."""
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        # Skips `DecisionColumns.get_object`: buttons do not need the event.
        operation = super(DecisionColumns, self).get_object(request, object_id)
        if operation is not None and operation.kind == Kind.CREDIT_FROM_USER:
            return actions
        return [action for action in actions if action.path != page_of(CHARGE_BACK).name]

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (operation := uuid_or_none(term)) is not None:
            return rows.filter(pk=operation)
        if (position := number_or_none(term)) is not None:
            return rows.filter(position=position)
        found = Q(kind__in=kinds_matching(term)) | Q(operation_user_id__in=user_ids_matching(term))
        return rows.filter(found)

    @admin.display(description="user", ordering="operation_user")
    def user(self, operation: Operation) -> str:
        return _user_link(operation.operation_user, operation.recorded_operation_user_id)

    @admin.display(description="machine's owner")
    def owner(self, operation: Operation) -> str:
        return _user_link(operation.machine_owner, operation.recorded_machine_owner_id)

    @admin.display(description="machine", ordering="machine")
    def machine_name(self, operation: Operation) -> str:
        if operation.machine is None:
            deleted = operation.recorded_machine_id
            return "–" if deleted is None else f"machine {deleted} (deleted)"
        return link_to(type(operation.machine), operation.machine.pk, operation.machine)

    @admin.display(description="occurred")
    def occurred(self, operation: Operation) -> str:
        return utc_time(operation.occurred_at)

    @admin.display(description="recorded", ordering="position")
    def recorded(self, operation: Operation) -> str:
        return utc_time(operation.recorded_at)

    @admin.display(description="effective")
    def effective(self, operation: Operation) -> str:
        return utc_time(operation.effective_at)


@admin.register(Entry)
class EntryAdmin(_EntryColumns, SearchAdmin):
    """Shows the debits and credits of all operations, on users' accounts and the platform's."""

    list_display = ("id", "side", "shown_amount", "account", "shown_balance", "of_operation", "recorded")
    list_select_related = ("operation",)
    list_filter = (("side", ChoicesDropdownFilter), ("currency", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("id",)
    search_help_text = "Operation ID, entry ID or email address"
    ordering = ("-id",)
    fields = readonly_fields = (
        "id",
        "of_operation",
        "transfer",
        "side",
        "account",
        "user",
        "shown_amount",
        "shown_balance",
        "account_version",
        "position",
        "recorded",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        entries = _with_account_codes(super().get_queryset(request))
        return entries.select_related("operation", "user")

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (operation := uuid_or_none(term)) is not None:
            return rows.filter(operation_id=operation)
        if (entry := number_or_none(term)) is not None:
            return rows.filter(pk=entry)
        return rows.filter(user_id__in=user_ids_matching(term))


@admin.register(Billing)
class BillingAdmin(SearchAdmin):
    """Shows the older system's billing table, which is a projection."""

    list_display = ("operation_position", "Operation_User", "machine", "machine_owner_user", "shown_amounts")
    list_select_related = ("Operation_User", "machine", "machine_owner_user")
    ordering = ("-operation_position",)
    search_fields = ("operation_position",)
    search_help_text = "Position or email address"

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (position := number_or_none(term)) is not None:
            return rows.filter(operation_position=position)
        return rows.filter(Operation_User_id__in=user_ids_matching(term))

    @admin.display(description="amounts")
    def shown_amounts(self, row: Billing) -> str:
        fields = [field for field in row._meta.concrete_fields if isinstance(field, DecimalField)]
        return amounts([(f"{field.name} ", getattr(row, field.name), "USD") for field in fields])


def _user_link(user: Any, recorded_id: int | None) -> str:
    if user is not None:
        return link_to(type(user), user.pk, user.email or user)
    return "–" if recorded_id is None else f"user {recorded_id} (deleted)"
