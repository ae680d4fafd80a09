"""Consulting contracts, whose money waits in escrow."""

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
from models import User
from models.consulting import ConsultingRequest
from web.admin.command_pages.button import opens
from web.admin.command_pages.consulting import CancelContract, FinishContract, SignContract, SplitContract
from web.admin.pages import ActsWhile, OfUserAdmin, RecordAdmin, amount, link_to, pretty


@admin.register(ConsultingContract)
class ContractAdmin(ActsWhile, OfUserAdmin):
    """By the id of the consulting request that it came of."""

    acts_while = "signed"
    actions_list = ("sign",)
    actions_detail = actions_row = ("finish", "split", "cancel")
    sign = opens(SignContract, icon="contract")
    finish = opens(FinishContract, fills="contract", icon="task_alt")
    split = opens(SplitContract, fills="contract", icon="call_split")
    cancel = opens(CancelContract, fills="contract", icon="undo")

    list_display = ("id", "state", "user", "consultant", "shown_amount", "left")
    list_filter = (("state", FieldTextFilter),)
    fields = readonly_fields = (*list_display, "commission", "shown_kept")

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

    @admin.display(description="as its last event says")
    def shown_kept(self, contract: ConsultingContract) -> SafeString:
        return pretty(contract.kept)


@admin.register(ConsultingRequest)
class ConsultingRequestAdmin(RecordAdmin):
    """Who asks whom for help. One that waits for its consultant's approval can be signed here."""

    actions_detail = ("sign",)
    sign = opens(SignContract, fills="contract", icon="contract")

    list_display = ("id", "shown_status", "user", "consultant_user", "shown_amount", "delay_days")
    list_select_related = ("user", "consultant_user")
    ordering = ("-id",)
    fields = readonly_fields = (*list_display, "category", "description", "machine", "team")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        """No button for what the ledger would refuse."""
        asked = self.get_object(request, object_id)
        if asked is None or not asked.is_status_waiting_consultant_approval:
            return []
        actions: Sequence[UnfoldAction] = super().get_actions_detail(request, object_id)
        return actions

    @admin.display(description="status")
    def shown_status(self, asked: ConsultingRequest) -> str:
        return asked.status.removeprefix("is_status_").replace("_", " ")

    @admin.display(description="amount")
    def shown_amount(self, asked: ConsultingRequest) -> str:
        return amount(None if asked.amount_usd is None else Decimal(asked.amount_usd), USD)
