"""Computes the expected balances from the price list, without the ledger's code.

The order in which the operations of a user arrive does not matter here: buyers have paid in before,
operations to be rejected are far too large, and incoming tokens pay what is owed.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

ZERO: Final = Decimal("0.00000000")
UNIT: Final = Decimal("0.00000001")

# The tariff of a new installation.
TRAINING_CELL: Final = Decimal("0.00001")
SOLVING_LINE: Final = Decimal("0.0001")
SOLVING_WITH_API_LINE: Final = Decimal("0.00012")
COMMISSION: Final = Decimal("0.2")
EAML_PER_USD: Final = Decimal(100)
CREDIT_LIMIT: Final = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """The money, tokens and coupons of a user, and the money and tokens that they owe."""

    usd: Decimal
    eaml: Decimal
    coupon: Decimal
    due_usd: Decimal
    due_eaml: Decimal

    def __str__(self) -> str:
        return (
            f"{self.usd:f} USD, {self.eaml:f} EAML, {self.coupon:f} in coupons, "
            f"{self.due_usd:f} USD and {self.due_eaml:f} EAML owed"
        )


NOTHING: Final = Balances(usd=ZERO, eaml=ZERO, coupon=ZERO, due_usd=ZERO, due_eaml=ZERO)
"""The balances of a user without entries."""


class Accounts:
    """The money, tokens and coupons of every user, and the platform's accounts by code."""

    def __init__(self) -> None:
        self._usd: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._eaml: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._coupon: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._platform: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.charged: defaultdict[int, Decimal] = defaultdict(Decimal)
        """EAML charged, by payer."""

    def top_up(self, user: int, amount: Decimal) -> None:
        """Add a payment of a user; a negative amount is a payout or a chargeback."""
        self._usd[user] += amount
        self._platform["clearing:payments:usd"] += amount

    def pay_a_bill(self, user: int, amount: Decimal) -> None:
        """Convert coupons, then money of a user into tokens."""
        tokens = amount * EAML_PER_USD
        by_coupon = min(amount, self._coupon[user])
        self._coupon[user] -= by_coupon
        self._usd[user] -= amount - by_coupon
        self._eaml[user] += tokens
        self._platform["platform:revenue:usd"] += amount
        self._platform["treasury:eaml"] += tokens

    def take_back_a_bill(self, user: int, *, usd: Decimal, coupon: Decimal) -> None:
        """Reverse part of a bill: return these amounts of money and coupons, and take the tokens back."""
        tokens = (usd + coupon) * EAML_PER_USD
        self._usd[user] += usd
        self._coupon[user] += coupon
        self._eaml[user] -= tokens
        self._platform["platform:revenue:usd"] -= usd + coupon
        self._platform["treasury:eaml"] -= tokens

    def grant(self, user: int, amount: Decimal) -> None:
        """Grant a coupon; a negative amount is the rest of one that expires."""
        self._coupon[user] += amount
        self._platform["platform:promotions:usd"] += amount

    def write_off(self, user: int, amount: Decimal) -> None:
        """Write off a part of the tokens that a user owes."""
        self._eaml[user] += amount
        self._platform["platform:losses:eaml"] += amount

    def adjust(self, user: int, amount: Decimal) -> None:
        """Add an adjustment of a user's money."""
        self._usd[user] += amount
        self._platform["platform:manual:usd"] += amount

    def charge(self, payer: int, amount: Decimal) -> None:
        """Charge a user for compute."""
        self.charged[payer] += amount
        self._eaml[payer] -= amount
        self._platform["platform:revenue:eaml"] += amount

    def sell(self, buyer: int, seller: int, gross: Decimal) -> None:
        """Move a sale's money from buyer to seller, less commission; a negative amount is a reversal."""
        commission = (gross * COMMISSION).quantize(UNIT, ROUND_HALF_UP)
        self._usd[buyer] -= gross
        self._usd[seller] += gross - commission
        self._platform["platform:revenue:commission:usd"] += commission

    def balances(self, user: int) -> Balances:
        """Return the expected balances of a user."""
        money, tokens = self._usd.get(user, ZERO), self._eaml.get(user, ZERO)
        return Balances(
            usd=exact(max(money, ZERO)),
            eaml=exact(max(tokens, ZERO)),
            coupon=exact(self._coupon.get(user, ZERO)),
            due_usd=exact(max(-money, ZERO)),
            due_eaml=exact(max(-tokens, ZERO)),
        )

    def platform(self) -> dict[str, Decimal]:
        """Return the balances of the platform's accounts other than zero, each on its normal side."""
        return {code: exact(amount) for code, amount in self._platform.items() if amount}


def exact(amount: Decimal) -> Decimal:
    """Return an amount with eight decimals."""
    return amount.quantize(UNIT)
