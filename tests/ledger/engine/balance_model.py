"""A model of the balances that the ledger should have: one dictionary, counted in the smallest unit.

It was written from the description of the business alone. It shares no code with the ledger's domain, so the
two only agree if both are right.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

UNIT = 10**8

# The tariff of a fresh installation, in smallest units.
TRAINING_CELL = 1_000
LINE = {"solving": 10_000, "solving_with_api": 12_000}
COMMISSION_PERCENT = 20
TOKENS_PER_USD = 100
CREDIT_LIMIT = 1_000 * UNIT
LARGEST = 10**20 - 1

SOLD = {
    "solving_with_api_market": "api",
    "buy_data_source": "data_source",
    "machine_copy": "copy",
    "machine_copy_update": "copy_update",
}


class Refused(Exception):
    """The command is refused. `code` is that of the rejection, or `undecided`."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Offer:
    """The owner of a machine from a moment on, and the prices. A price of None: not for sale."""

    moment: int
    owner: int
    columns: int
    prices: dict[str, int | None]


@dataclass
class Model:
    """The whole ledger."""

    users: set[int] = field(default_factory=set)
    offers: dict[int, list[Offer]] = field(default_factory=dict)
    accounts: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    answers: dict[str, tuple[Any, str]] = field(default_factory=dict)
    moment: int = 0
    """Counts the changes of owners and prices; an operation occurred after one of them."""

    def submit(self, key: str, body: dict[str, Any], moment: int) -> tuple[str, bool]:
        """Return the answer (`recorded`, a code, `conflict`, `undecided`), and True if it is a replay."""
        if key in self.answers:
            first, answer = self.answers[key]
            return (answer, True) if first == body else ("conflict", False)
        before = dict(self.accounts)
        try:
            self._apply(body, moment)
            answer = "recorded"
        except Refused as refused:
            self.accounts.clear()
            self.accounts.update(before)
            answer = refused.code
        if answer != "undecided":
            self.answers[key] = body, answer
        return answer, False

    def balances(self) -> dict[str, int]:
        """Return the balance of every account that is not empty."""
        return {code: balance for code, balance in self.accounts.items() if balance}

    def of_user(self, user: int) -> tuple[int, int, int]:
        """Return the user's USD, tokens and coupons."""
        return self.accounts[f"user:{user}:usd"], self.accounts[f"user:{user}:eaml"], 0

    def _apply(self, body: dict[str, Any], moment: int) -> None:
        kind, user = body["kind"], body["user"]
        if user not in self.users:
            raise Refused("undecided")
        if kind == "credit_from_user":
            self._add_money(user, "usd", body["amount"])
        elif kind == "pay_a_bill":
            self._take(user, "usd", body["amount"])
            tokens = body["amount"] * TOKENS_PER_USD
            if tokens > LARGEST:
                raise Refused("amount_too_large")
            self._add_money(user, "eaml", tokens)
        elif kind == "adjustment":
            if body["amount"] > 0:
                self._add_money(user, body["account"], body["amount"])
            else:
                self._take(user, body["account"], -body["amount"])
        else:
            self._apply_on_machine(body, moment)

    def _apply_on_machine(self, body: dict[str, Any], moment: int) -> None:
        kind, user = body["kind"], body["user"]
        if body["machine"] not in self.offers:
            raise Refused("undecided")
        offers = self.offers[body["machine"]]
        offer = max((each for each in offers if each.moment <= moment), key=lambda each: each.moment)
        lines = body.get("lines", 1)
        if kind in SOLD:
            if offer.owner == user:
                raise Refused("own_machine")
            price = offer.prices[SOLD[kind]]
            if price is None:
                raise Refused(
                    "not_for_sale" if kind in {"solving_with_api_market", "buy_data_source"} else "no_price"
                )
            self._check_price(body, price)
            self._sell(user, offer.owner, price * lines)
        elif kind == "training":
            self._check_price(body, TRAINING_CELL)
            self._compute(offer.owner, TRAINING_CELL * offer.columns * lines)
        else:
            self._check_price(body, LINE[kind])
            self._compute(user, LINE[kind] * lines)

    @staticmethod
    def _check_price(body: dict[str, Any], price: int) -> None:
        if body.get("unit_price", price) != price:
            raise Refused("price_changed")

    def _compute(self, payer: int, cost: int) -> None:
        paid = min(cost, self.accounts[f"user:{payer}:eaml"])
        owed = cost - paid
        if owed and self.accounts[f"user:{payer}:due:eaml"] + owed > CREDIT_LIMIT:
            raise Refused("credit_limit_exceeded")
        self.accounts[f"user:{payer}:eaml"] -= paid
        self.accounts[f"user:{payer}:due:eaml"] += owed

    def _sell(self, buyer: int, seller: int, gross: int) -> None:
        if gross > LARGEST:
            raise Refused("amount_too_large")
        self._take(buyer, "usd", gross)
        commission = (gross * COMMISSION_PERCENT + 50) // 100
        self._add_money(seller, "usd", gross - commission)

    def _take(self, user: int, account: str, amount: int) -> None:
        if self.accounts[f"user:{user}:{account}"] < amount:
            raise Refused("insufficient_funds")
        self.accounts[f"user:{user}:{account}"] -= amount

    def _add_money(self, user: int, account: str, amount: int) -> None:
        own, due = f"user:{user}:{account}", f"user:{user}:due:{account}"
        if self.accounts[own] + amount > LARGEST:
            raise Refused("amount_too_large")
        settled = min(amount, self.accounts[due])
        self.accounts[own] += amount - settled
        self.accounts[due] -= settled
