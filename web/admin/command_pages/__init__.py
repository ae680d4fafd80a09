"""The command pages: how staff give commands to the ledger, one page per command."""

from collections.abc import Mapping
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse

from web.admin.command_pages import (
    accounts,
    adjustments,
    consulting,
    coupons,
    holds,
    operations,
    payouts,
    periods,
    tariffs,
)
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.view import respond

COMMAND_PAGES: Final[Mapping[str, type[CommandPage]]] = {
    page_class.name: page_class
    for page_class in (
        holds.PlaceHold,
        holds.CaptureHold,
        holds.VoidHold,
        coupons.GrantCoupon,
        coupons.OfferCode,
        coupons.RedeemCode,
        coupons.WithdrawCode,
        operations.ReverseOperation,
        operations.ChargeBack,
        accounts.SetCreditLimit,
        adjustments.Adjust,
        adjustments.Approve,
        adjustments.Decline,
        payouts.RequestPayout,
        payouts.ConfirmPayout,
        payouts.FailPayout,
        consulting.SignContract,
        consulting.FinishContract,
        consulting.SplitContract,
        consulting.CancelContract,
        periods.ClosePeriod,
        periods.ReopenPeriod,
        tariffs.PublishTariff,
        tariffs.OverrideTariff,
    )
}


def show_command_page(request: HttpRequest, name: str) -> HttpResponse:
    """Respond to a request for the command page of this name; raise `Http404` if there is none."""
    page_class = COMMAND_PAGES.get(name)
    if page_class is None:
        raise Http404("there is no such command page")
    return respond(request, page_class)


__all__ = ["COMMAND_PAGES", "CommandPage", "show_command_page"]
