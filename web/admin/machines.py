"""Pages of machines and teams. Other services own them; where no feed delivers them they are edited here."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from ledger.models import MachineTermsHistory
from ledger.requests.tariffs import OVERRIDE_TARIFF
from models import Machine, Team, User
from models.access import machines_seen_by
from models.machine import PRICES
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, utc_time
from web.admin.pages import SearchAdmin, VisibleToViewer
from web.admin.search import number_or_none


@admin.register(Machine)
class MachineAdmin(VisibleToViewer, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Shows and edits machines. A new price or owner applies to what occurs from then on.

    A trigger of the database keeps the history.
    """

    visible_to = staticmethod(machines_seen_by)

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
            "Marketplace (USD; no price means not for sale, 0 means free)",
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
        """Return False: it would delete billing rows, so only the service that owns machines deletes them."""
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
class MachineTermsAdmin(SearchAdmin):
    """Shows the owners and prices of machines over time, by which operations are priced."""

    list_display = ("machine_id", "since", "owner_id", "columns", "shown_api", "shown_data", "shown_copy")
    search_fields = ("machine_id",)
    search_help_text = "Machine ID"
    ordering = ("-id",)

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        machine = number_or_none(term)
        return rows.none() if machine is None else rows.filter(machine_id=machine)

    @admin.display(description="from", ordering="effective_from")
    def since(self, terms: MachineTermsHistory) -> str:
        return utc_time(terms.effective_from)

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
    """Shows and edits teams."""

    checks_class = ModelAdminChecks  # see `ReadOnlyAdmin`
    actions_detail = ("override_tariff",)
    override_tariff = command_button(
        OVERRIDE_TARIFF, fills="team", title="Propose terms for this team", icon="sell"
    )

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
