"""Months whose books were closed, with what the accounts came to at their end."""

from decimal import Decimal

from django.contrib import admin
from django.utils.safestring import SafeString

from ledger.models import BookPeriod
from web.admin.command_pages.button import opens
from web.admin.command_pages.periods import ClosePeriod, ReopenPeriod
from web.admin.pages import ActsWhile, RecordAdmin, amount, moment, table


@admin.register(BookPeriod)
class PeriodAdmin(ActsWhile, RecordAdmin):
    """A month that is not listed, and comes after those that are, is open."""

    acts_while = "closed"
    actions_list = ("close_period",)
    actions_detail = actions_row = ("reopen_period",)
    close_period = opens(ClosePeriod, icon="lock_clock")
    reopen_period = opens(ReopenPeriod, fills="period", icon="lock_open")

    list_display = ("month", "state", "shown_ends_at", "settled", "proposer", "resolver", "version")
    fields = readonly_fields = (*list_display, "totals")

    @admin.display(description="ends at", ordering="ends_at")
    def shown_ends_at(self, period: BookPeriod) -> str:
        return moment(period.ends_at)

    @admin.display(description="until its end")
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
