"""Every request, from which the routes, the pages and the message handlers are made."""

from typing import Any, Final

from ledger.requests import (
    accounts,
    chargebacks,
    consulting,
    coupons,
    holds,
    operations,
    payouts,
    periods,
    proposals,
    tariffs,
)
from ledger.requests.request import Request

REQUESTS: Final[tuple[Request[Any], ...]] = (
    *operations.OPERATIONS.values(),
    operations.REVERSE,
    holds.PLACE_HOLD,
    holds.CAPTURE_HOLD,
    holds.VOID_HOLD,
    coupons.GRANT_COUPON,
    coupons.CREATE_CODE,
    coupons.REDEEM_CODE,
    coupons.WITHDRAW_CODE,
    chargebacks.CHARGE_BACK,
    accounts.SET_CREDIT_LIMIT,
    accounts.ADJUST,
    proposals.APPROVE,
    proposals.DECLINE,
    payouts.REQUEST_PAYOUT,
    payouts.CONFIRM_PAYOUT,
    payouts.FAIL_PAYOUT,
    consulting.SIGN_CONTRACT,
    consulting.FINISH_CONTRACT,
    consulting.SPLIT_CONTRACT,
    consulting.CANCEL_CONTRACT,
    periods.CLOSE_PERIOD,
    periods.REOPEN_PERIOD,
    tariffs.PROPOSE_TARIFF,
    tariffs.OVERRIDE_TARIFF,
)
