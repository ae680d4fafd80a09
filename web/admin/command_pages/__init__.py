"""What people do to the ledger from the administration: a door a command, each on a page of its own."""

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
from web.admin.command_pages.view import page

COMMAND_PAGES: Final[Mapping[str, type[CommandPage]]] = {
    door.name: door
    for door in (
        holds.PlaceHold,
        holds.CaptureHold,
        holds.VoidHold,
        coupons.GrantCoupon,
        coupons.OfferCode,
        coupons.RedeemCode,
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
    """The page of the door of that name."""
    door = COMMAND_PAGES.get(name)
    if door is None:
        raise Http404("there is no such door")
    return page(request, door)


__all__ = ["DOORS", "Door", "open_door"]
