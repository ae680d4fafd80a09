"""Pages of accounting periods: closed months with the totals of the accounts at their end."""

from decimal import Decimal

from django.contrib import admin
from django.utils.safestring import SafeString

from ledger.models import BookPeriod
from ledger.requests.periods import CLOSE_PERIOD, REOPEN_PERIOD
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, table, utc_time
from web.admin.pages import ActionsInState, ReadOnlyAdmin


@admin.register(BookPeriod)
class PeriodAdmin(ActionsInState, ReadOnlyAdmin):
    """Shows the months that are or were closed. A later month is open and not listed."""

    action_state = "closed"
    actions_list = ("close_period",)
    actions_detail = actions_row = ("reopen_period",)
    close_period = command_button(CLOSE_PERIOD, icon="lock_clock")
    reopen_period = command_button(REOPEN_PERIOD, fills="period", icon="lock_open")

    list_display = (
        "month",
        "state",
        "shown_ends_at",
        "settled_position",
        "proposed_by",
        "approved_by",
        "version",
    )
    fields = readonly_fields = (*list_display, "totals")

    @admin.display(description="ends at", ordering="ends_at")
    def shown_ends_at(self, period: BookPeriod) -> str:
        return utc_time(period.ends_at)

    @admin.display(description="settled position")
    def settled_position(self, period: BookPeriod) -> str:
        return str(period.settled)

    @admin.display(description="proposed by")
    def proposed_by(self, period: BookPeriod) -> str:
        return period.proposer

    @admin.display(description="approved by")
    def approved_by(self, period: BookPeriod) -> str:
        return period.resolver

    @admin.display(description="totals at the end")
    def totals(self, period: BookPeriod) -> SafeString | str:
        totals = period.kept.get("totals")
        if not totals:
            return "–"
        return table(
            ("account", "debits", "credits"),
            [
                (
                    total["account"],
                    *(amount(Decimal(total[side]), total["currency"]) for side in ("debits", "credits")),
                )
                for total in totals
            ],
        )
