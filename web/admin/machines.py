"""Machines and teams: kept by other services, and editable here where no feed brings them."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from ledger.models import MachineTermsHistory
from models import Machine, Team, User
from models.access import machines_seen_by
from models.machine import PRICES
from web.admin.command_pages.button import opens
from web.admin.command_pages.tariffs import OverrideTariff
from web.admin.pages import FoundAdmin, SeenByViewer, amount, as_number, moment


@admin.register(Machine)
class MachineAdmin(SeenByViewer, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Prices and owner count for what occurs from the change on; a trigger keeps the history."""

    seen_by = staticmethod(machines_seen_by)

    list_display = ("id", "machine_name", "machine_owner_user", "api_price", "data_price", "copy_price")
    list_display_links = ("id", "machine_name")
    list_select_related = ("machine_owner_user",)
    show_full_result_count = False
    search_fields = ("machine_name", "machine_owner_user__email")
    autocomplete_fields = ("machine_owner_user", "machine_owner_team")
    warn_unsaved_form = True
    fieldsets = (
        (None, {"fields": ("machine_name", "machine_description", "machine_level")}),
        ("Owner", {"fields": ("machine_owner_user", "machine_owner_team")}),
        (
            "Marketplace (USD; an empty price is not for sale, 0 is free)",
            {
                "fields": (
                    "machine_data_source_is_public",
                    "machine_data_source_price_usd",
                    "machine_api_solving_is_public",
                    "machine_api_solving_price_usd",
                    "machine_copy_price_usd",
                    "machine_copy_update_price_usd",
                ),
            },
        ),
        (
            "Columns",
            {
                "fields": (
                    "dfr_columns_type_user_df",
                    "mdc_columns_name_input",
                    "mdc_columns_name_output",
                    "mdc_columns_data_type",
                ),
            },
        ),
        ("Network", {"fields": ("parameter_nn_loss", "parameter_nn_optimizer", "parameter_nn_shape")}),
    )

    def has_delete_permission(self, request: HttpRequest, obj: Machine | None = None) -> bool:
        """Deleting one takes its billing rows with it: a matter for the service that owns it."""
        del request, obj
        return False

    @admin.display(description="API line")
    def api_price(self, machine: Machine) -> str:
        offered = machine.machine_api_solving_is_public
        return _price(machine, PRICES[1]) if offered else "not offered"

    @admin.display(description="data source")
    def data_price(self, machine: Machine) -> str:
        offered = machine.machine_data_source_is_public
        return _price(machine, PRICES[0]) if offered else "not offered"

    @admin.display(description="copy")
    def copy_price(self, machine: Machine) -> str:
        return _price(machine, PRICES[2])


@admin.register(MachineTermsHistory)
class MachineTermsAdmin(FoundAdmin):
    """Owner and prices of machines over time: what operations are priced by."""

    list_display = ("machine_id", "since", "owner_id", "columns", "shown_api", "shown_data", "shown_copy")
    search_fields = ("machine_id",)
    search_help_text = "machine id"
    ordering = ("-id",)

    def found(self, records: QuerySet[Any], term: str) -> QuerySet[Any]:
        machine = as_number(term)
        return records.none() if machine is None else records.filter(machine_id=machine)

    @admin.display(description="from", ordering="effective_from")
    def since(self, terms: MachineTermsHistory) -> str:
        return moment(terms.effective_from)

    @admin.display(description="API line")
    def shown_api(self, terms: MachineTermsHistory) -> str:
        return amount(terms.api_solving_price, "USD")

    @admin.display(description="data source")
    def shown_data(self, terms: MachineTermsHistory) -> str:
        return amount(terms.data_source_price, "USD")

    @admin.display(description="copy")
    def shown_copy(self, terms: MachineTermsHistory) -> str:
        return amount(terms.copy_price, "USD")


@admin.register(Team)
class TeamAdmin(ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """A team, its admin and its members."""

    checks_class = ModelAdminChecks  # see RecordAdmin
    actions_detail = ("override_tariff",)
    override_tariff = opens(OverrideTariff, fills="team", title="Publish terms of the team", icon="sell")

    list_display = ("name", "admin_user", "url")
    list_select_related = ("admin_user",)
    show_full_result_count = False
    search_fields = ("name", "admin_user__email")
    autocomplete_fields = ("admin_user",)
    filter_horizontal = ()
    fields = ("name", "admin_user", "members")
    readonly_fields = ("members",)

    @admin.display(description="members")
    def members(self, team: Team) -> str:
        shown: list[str] = [str(user) for user in User.objects.filter(Teams=team).order_by("pk")[:100]]
        return ", ".join(shown) or "–"


def _price(machine: Machine, name: str) -> str:
    return amount(getattr(machine, name), "USD")
