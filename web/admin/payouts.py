"""Money on its way out of the ledger."""

from decimal import Decimal

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter

from ledger.models import RequestedPayout
from web.admin.command_pages.button import opens
from web.admin.command_pages.payouts import ConfirmPayout, FailPayout, RequestPayout
from web.admin.pages import ActsWhile, OfUserAdmin, amount, pretty


@admin.register(RequestedPayout)
class PayoutAdmin(ActsWhile, OfUserAdmin):
    """Set aside when it is asked for, gone when it is paid, available again when it has failed."""

    acts_while = "requested"
    actions_list = ("request_payout",)
    actions_detail = actions_row = ("confirm_payout", "fail_payout")
    request_payout = opens(RequestPayout, icon="outbox")
    confirm_payout = opens(ConfirmPayout, fills="payout", icon="task_alt")
    fail_payout = opens(FailPayout, fills="payout", icon="cancel")

    list_display = ("id", "state", "user", "shown_amount", "left")
    list_filter = (("state", FieldTextFilter),)
    fields = readonly_fields = (*list_display, "shown_kept")

    @admin.display(description="amount")
    def shown_amount(self, payout: RequestedPayout) -> str:
        return amount(Decimal(payout.kept["amount"]), "USD")

    @admin.display(description="still held")
    def left(self, payout: RequestedPayout) -> str:
        return amount(Decimal(payout.kept["remaining"]), "USD")

    @admin.display(description="as its last event says")
    def shown_kept(self, payout: RequestedPayout) -> SafeString:
        return pretty(payout.kept)
