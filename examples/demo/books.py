"""What the ledger's books have to say at the end, computed from the price list and not by the ledger.

The order in which operations of one user arrive does not matter here: whoever buys has paid in before,
what cannot be paid is far beyond anybody's means, and tokens that come in settle what is owed.
"""

from collections import defaultdict
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

ZERO: Final = Decimal("0.00000000")
UNIT: Final = Decimal("0.00000001")

# The tariff of a fresh installation.
TRAINING_CELL: Final = Decimal("0.00001")
SOLVING_LINE: Final = Decimal("0.0001")
SOLVING_WITH_API_LINE: Final = Decimal("0.00012")
COMMISSION: Final = Decimal("0.2")
EAML_PER_USD: Final = Decimal(100)
CREDIT_LIMIT: Final = Decimal(1000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Balances:
    """What a user has, in money, tokens and coupons, and what he owes in money and in tokens."""

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
"""Of somebody who never had an entry."""


class Books:
    """Every user's money and tokens, and the platform's accounts by code."""

    def __init__(self) -> None:
        self._usd: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._eaml: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._coupon: defaultdict[int, Decimal] = defaultdict(Decimal)
        self._platform: defaultdict[str, Decimal] = defaultdict(Decimal)
        self.charged: defaultdict[int, Decimal] = defaultdict(Decimal)
        """EAML by payer."""

    def top_up(self, user: int, amount: Decimal) -> None:
        """A user pays in; below zero, he is paid out, or his provider takes it back."""
        self._usd[user] += amount
        self._platform["clearing:payments:usd"] += amount

    def pay_a_bill(self, user: int, amount: Decimal) -> None:
        """A user turns coupons, then money into tokens."""
        tokens = amount * EAML_PER_USD
        by_coupon = min(amount, self._coupon[user])
        self._coupon[user] -= by_coupon
        self._usd[user] -= amount - by_coupon
        self._eaml[user] += tokens
        self._platform["platform:revenue:usd"] += amount
        self._platform["treasury:eaml"] += tokens

    def take_back_a_bill(self, user: int, *, usd: Decimal, coupon: Decimal) -> None:
        """Part of a bill is reversed: so much comes back in money and in coupons, and the tokens go."""
        tokens = (usd + coupon) * EAML_PER_USD
        self._usd[user] += usd
        self._coupon[user] += coupon
        self._eaml[user] -= tokens
        self._platform["platform:revenue:usd"] -= usd + coupon
        self._platform["treasury:eaml"] -= tokens

    def grant(self, user: int, amount: Decimal) -> None:
        """A user is given a coupon; below zero, what is left of one expires."""
        self._coupon[user] += amount
        self._platform["platform:promotions:usd"] += amount

    def write_off(self, user: int, amount: Decimal) -> None:
        """So much of what a user owes is given up."""
        self._eaml[user] += amount
        self._platform["platform:losses:eaml"] += amount

    def adjust(self, user: int, amount: Decimal) -> None:
        """So much money is put on a user's account."""
        self._usd[user] += amount
        self._platform["platform:manual:usd"] += amount

    def charge(self, payer: int, amount: Decimal) -> None:
        """A user pays for compute."""
        self.charged[payer] += amount
        self._eaml[payer] -= amount
        self._platform["platform:revenue:eaml"] += amount

    def sell(self, buyer: int, seller: int, gross: Decimal) -> None:
        """A user buys from another; the platform takes its commission. Below zero, it is taken back."""
        commission = (gross * COMMISSION).quantize(UNIT, ROUND_HALF_UP)
        self._usd[buyer] -= gross
        self._usd[seller] += gross - commission
        self._platform["platform:revenue:commission:usd"] += commission

    def balances(self, user: int) -> Balances:
        """Of a user, at the end."""
        money, tokens = self._usd.get(user, ZERO), self._eaml.get(user, ZERO)
        return Balances(
            usd=exact(max(money, ZERO)),
            eaml=exact(max(tokens, ZERO)),
            coupon=exact(self._coupon.get(user, ZERO)),
            due_usd=exact(max(-money, ZERO)),
            due_eaml=exact(max(-tokens, ZERO)),
        )

    def platform(self) -> dict[str, Decimal]:
        """The balances of the platform's accounts, each on its normal side; those that were used."""
        return {code: exact(amount) for code, amount in self._platform.items() if amount}


def exact(amount: Decimal) -> Decimal:
    """An amount with eight decimals."""
    return amount.quantize(UNIT)
