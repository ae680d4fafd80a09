"""What people do to the ledger from the administration: a door a command, each on a page of its own."""

from collections.abc import Mapping
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse

from projections.admin.doors import (
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
from projections.admin.doors.door import Door
from projections.admin.doors.page import page

DOORS: Final[Mapping[str, type[Door]]] = {
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


def open_door(request: HttpRequest, name: str) -> HttpResponse:
    """The page of the door of that name."""
    door = DOORS.get(name)
    if door is None:
        raise Http404("there is no such door")
    return page(request, door)


__all__ = ["DOORS", "Door", "open_door"]
