"""Pages of payouts: money on its way out of the ledger."""

from decimal import Decimal

from django.contrib import admin
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter

from ledger.models import RequestedPayout
from ledger.requests.payouts import CONFIRM_PAYOUT, FAIL_PAYOUT, REQUEST_PAYOUT
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, pretty_json
from web.admin.pages import ActionsInState, UserOwnedAdmin


@admin.register(RequestedPayout)
class PayoutAdmin(ActionsInState, UserOwnedAdmin):
    """Shows payouts. Their money is held on request, gone when paid, and available again if they fail."""

    action_state = "requested"
    actions_list = ("request_payout",)
    actions_detail = actions_row = ("confirm_payout", "fail_payout")
    request_payout = command_button(REQUEST_PAYOUT, icon="outbox")
    confirm_payout = command_button(CONFIRM_PAYOUT, fills="payout", icon="task_alt")
    fail_payout = command_button(FAIL_PAYOUT, fills="payout", icon="cancel")

    list_display = ("id", "state", "user", "shown_amount", "left")
    list_filter = (("state", FieldTextFilter),)
    fields = readonly_fields = (*list_display, "stored_state")

    @admin.display(description="amount")
    def shown_amount(self, payout: RequestedPayout) -> str:
        return amount(Decimal(payout.kept["amount"]), "USD")

    @admin.display(description="still held")
    def left(self, payout: RequestedPayout) -> str:
        return amount(Decimal(payout.kept["remaining"]), "USD")

    @admin.display(description="stored state")
    def stored_state(self, payout: RequestedPayout) -> SafeString:
        return pretty_json(payout.kept)
