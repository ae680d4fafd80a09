"""Pages of consulting contracts, whose money is in escrow, and of consulting requests."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.dataclasses import UnfoldAction

from ledger.domain.money import USD
from ledger.models import ConsultingContract
from ledger.requests.consulting import CANCEL_CONTRACT, FINISH_CONTRACT, SIGN_CONTRACT, SPLIT_CONTRACT
from models import User
from models.consulting import ConsultingRequest
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, link_to, pretty_json
from web.admin.pages import ActionsInState, ReadOnlyAdmin, UserOwnedAdmin


@admin.register(ConsultingContract)
class ContractAdmin(ActionsInState, UserOwnedAdmin):
    """Shows consulting contracts. A contract has the id of its consulting request."""

    action_state = "signed"
    actions_list = ("sign",)
    actions_detail = actions_row = ("finish", "split", "cancel")
    sign = command_button(SIGN_CONTRACT, icon="contract")
    finish = command_button(FINISH_CONTRACT, fills="contract", icon="task_alt")
    split = command_button(SPLIT_CONTRACT, fills="contract", icon="call_split")
    cancel = command_button(CANCEL_CONTRACT, fills="contract", icon="undo")

    list_display = ("id", "state", "user", "consultant", "shown_amount", "left")
    list_filter = (("state", FieldTextFilter),)
    fields = readonly_fields = (*list_display, "commission", "stored_state")

    @admin.display(description="consultant")
    def consultant(self, contract: ConsultingContract) -> SafeString:
        return link_to(User, contract.kept["consultant"], f"user {contract.kept['consultant']}")

    @admin.display(description="amount")
    def shown_amount(self, contract: ConsultingContract) -> str:
        return amount(Decimal(contract.kept["amount"]), "USD")

    @admin.display(description="in escrow")
    def left(self, contract: ConsultingContract) -> str:
        return amount(Decimal(contract.kept["remaining"]), "USD")

    @admin.display(description="commission")
    def commission(self, contract: ConsultingContract) -> str:
        return str(contract.kept["commission_rate"])

    @admin.display(description="stored state")
    def stored_state(self, contract: ConsultingContract) -> SafeString:
        return pretty_json(contract.kept)


@admin.register(ConsultingRequest)
class ConsultingRequestAdmin(ReadOnlyAdmin):
    """Shows consulting requests. One that waits for its consultant's approval can be signed here."""

    actions_detail = ("sign",)
    sign = command_button(SIGN_CONTRACT, fills="contract", icon="contract")

    list_display = ("id", "shown_status", "user", "consultant_user", "shown_amount", "delay_days")
    list_select_related = ("user", "consultant_user")
    ordering = ("-id",)
    fields = readonly_fields = (*list_display, "category", "description", "machine", "team")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        """Return the button to sign a contract only while the request waits for the consultant's approval."""
        consulting_request = self.get_object(request, object_id)
        if consulting_request is None or not consulting_request.is_status_waiting_consultant_approval:
            return []
        actions: Sequence[UnfoldAction] = super().get_actions_detail(request, object_id)
        return actions

    @admin.display(description="status")
    def shown_status(self, consulting_request: ConsultingRequest) -> str:
        return consulting_request.status.removeprefix("is_status_").replace("_", " ")

    @admin.display(description="amount")
    def shown_amount(self, consulting_request: ConsultingRequest) -> str:
        return amount(
            None if consulting_request.amount_usd is None else Decimal(consulting_request.amount_usd), USD
        )
