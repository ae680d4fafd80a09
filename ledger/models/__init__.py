"""The tables of the write side, a module for each subject."""

from ledger.models.accounts import Account, AllowedPair
from ledger.models.copies import Reference
from ledger.models.coupons import CouponCode, CouponGrant
from ledger.models.four_eyes import AdjustedAlone, ProposedChange
from ledger.models.funds import (
    ConsultingContract,
    HeldFunds,
    PaymentReference,
    Remaining,
    RequestedPayout,
    ReversedOperation,
)
from ledger.models.keys import ApiKey
from ledger.models.periods import BookPeriod, PeriodBalance
from ledger.models.prices import MachineTermsHistory, PublishedTariff

__all__ = [
    "Account",
    "AdjustedAlone",
    "AllowedPair",
    "ApiKey",
    "BookPeriod",
    "ConsultingContract",
    "CouponCode",
    "CouponGrant",
    "HeldFunds",
    "MachineTermsHistory",
    "PaymentReference",
    "PeriodBalance",
    "ProposedChange",
    "PublishedTariff",
    "Reference",
    "Remaining",
    "RequestedPayout",
    "ReversedOperation",
]
