"""Taking back all or part of an operation.

On the payees' side the part is split by largest remainder over what is left of each leg; on the
payer's side it comes back in the reverse of the recorded order, so that grants come back as grants.
What a payee has already spent becomes due from him, or the platform's loss, by a setting. Tokens
that were bought go back in proportion to the USD, rounded up; the last part takes all.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from ledger.domain import chart, money
from ledger.domain.book import Book, Decision
from ledger.domain.chart import Transfer, user_account
from ledger.domain.coupons import Grant
from ledger.domain.errors import InsufficientFunds, NothingLeftToReverse, NotReversible
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import COMPUTE, MARKET, Kind
from ledger.domain.reversals import Reversed, split
from ledger.domain.settlement import settle_due


@dataclass(frozen=True, slots=True, kw_only=True)
class Reverse:
    """Take back `amount` (8 decimals, in the currency that the payer paid), or all that is left."""

    operation: str
    amount: Decimal | None
    occurred_at: datetime
    spent_by_payee: Literal["due", "loss"] = "due"
    """What becomes of money that a payee has already spent."""

    kind = Kind.REVERSAL


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The operation that is reversed, as its event says."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What was recorded."""
        kind: str = self.data["kind"]
        return kind

    @property
    def transfers(self) -> list[Transfer]:
        """Its transfers, in the recorded order."""
        return [
            Transfer(each["debit"], each["credit"], each["currency"], Decimal(each["amount"]))
            for each in self.data["transfers"]
        ]

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts it touched."""
        codes = [code for transfer in self.transfers for code in (transfer.debit, transfer.credit)]
        users = [int(code.split(":")[1]) for code in codes if code.startswith("user:")]
        return tuple(dict.fromkeys([self.data["payer"], *users]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversing:
    """A reversal whose original is known."""

    command: Reverse
    original: Original

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return self.original.users


def reverse(plan: Reversing, book: Book, *, now: datetime) -> Decision:
    """The transfers that take the part back.

    Raises `NotReversible`, `NothingLeftToReverse`, or `InsufficientFunds` where an adjustment or a
    grant that would be taken back has been spent.
    """
    original = plan.original
    so_far = book.reversed.get(original.id) or Reversed(operation=original.id, total=_total(original))
    part = so_far.left if plan.command.amount is None else plan.command.amount
    if so_far.left <= ZERO or part > so_far.left:
        raise NothingLeftToReverse(
            f"{text(so_far.left)} is left to reverse",
            operation=original.id,
            left=text(so_far.left),
        )
    taking = _Taking(plan, book, so_far, part, now)
    taking.run()
    book.check_room(taking.transfers)
    after = replace(
        so_far,
        amount=so_far.amount + part,
        legs=taking.legs,
        grants=taking.grants_taken,
    )
    return Decision(
        type="operation.reversed",
        kind=Kind.REVERSAL,
        payer=original.data["payer"],
        users=original.users,
        transfers=tuple(taking.transfers),
        grants=tuple(taking.grants.values()),
        reversed=(after,),
        facts={
            "reverses": original.id,
            "reversed_kind": original.kind,
            "amount": text(part),
            "final": after.left == ZERO,
            "operation_user": original.data["payer"],
            **({"to_promotions": text(taking.to_promotions)} if taking.to_promotions else {}),
        },
    )


class _Taking:
    """One reversal while its transfers are found."""

    def __init__(self, plan: Reversing, book: Book, so_far: Reversed, part: Decimal, now: datetime) -> None:
        self.original = plan.original
        self.kind = Kind(self.original.kind)
        self.as_loss = plan.command.spent_by_payee == "loss"
        self.book, self.so_far, self.part, self.now = book, so_far, part, now
        self.payer: int = self.original.data["payer"]
        self.recorded = self.original.transfers
        self.legs: dict[int, Decimal] = dict(so_far.legs)
        self.grants_taken: dict[str, Decimal] = dict(so_far.grants)
        self.grants: dict[str, Grant] = {}
        self.transfers: list[Transfer] = []
        self.to_promotions = ZERO
        self._available: dict[str, Decimal] = {}

    def run(self) -> None:
        if self.kind in COMPUTE:
            self._reverse_compute()
        elif self.kind in MARKET:
            self._reverse_sale()
        elif self.kind is Kind.PAY_A_BILL:
            self._reverse_bill()
        elif self.kind is Kind.COUPON_GRANT:
            self._reverse_grant()
        else:
            self._reverse_plain()

    def _left(self, number: int) -> Decimal:
        return self.recorded[number - 1].amount - self.legs.get(number, ZERO)

    def _legs(self, *, credited: str | None = None, debited: str | None = None) -> list[int]:
        """The numbers of the recorded transfers between these accounts."""
        return [
            number
            for number, transfer in enumerate(self.recorded, 1)
            if credited in (None, transfer.credit) and debited in (None, transfer.debit)
        ]

    def _take(self, number: int, amount: Decimal) -> None:
        if amount:
            self.legs[number] = self.legs.get(number, ZERO) + amount

    def _move(self, debit: str, credit: str, currency: Currency, amount: Decimal) -> None:
        if amount > ZERO:
            self.transfers.append(Transfer(debit, credit, currency, amount))

    def _from_user(self, user: int, credit: str, currency: Currency, amount: Decimal) -> None:
        """Take from a user what is available; the rest becomes due, or the platform's loss."""
        name = "usd" if currency == USD else "eaml"
        own, due = user_account(user, name), user_account(user, f"due:{name}")
        available = self._available.get(own, self.book.available(user, name))
        taken = min(amount, available)
        self._available[own] = available - taken
        self._move(own, credit, currency, taken)
        loss = self.as_loss and user != self.payer
        self._move(f"platform:losses:{name}" if loss else due, credit, currency, amount - taken)

    def _settle_payer(self, currency: Currency, amount: Decimal) -> None:
        self.transfers += settle_due(self.book, self.payer, currency, amount)

    def _reverse_compute(self) -> None:
        """What became due is forgiven first, as far as it is still owed; the rest is paid back."""
        left, back = self.part, ZERO
        due = user_account(self.payer, "due:eaml")
        still_owed = self.book.balance(self.payer, "due:eaml")
        for number in reversed(self._legs(credited=chart.REVENUE_EAML)):
            amount = min(left, self._left(number))
            left -= amount
            self._take(number, amount)
            if self.recorded[number - 1].debit == due:
                forgiven = min(amount, still_owed)
                still_owed -= forgiven
                self._move(chart.REVENUE_EAML, due, EAML, forgiven)
                amount -= forgiven
            back += amount
        self._move(chart.REVENUE_EAML, user_account(self.payer, "eaml"), EAML, back)
        settled = min(still_owed, back)
        self._move(user_account(self.payer, "eaml"), due, EAML, settled)

    def _reverse_sale(self) -> None:
        purse = user_account(self.payer, "usd")
        numbers = self._legs(debited=purse)
        for number, amount in zip(numbers, split(self.part, [self._left(n) for n in numbers]), strict=True):
            self._take(number, amount)
            payee = self.recorded[number - 1].credit
            if payee.startswith("user:"):
                self._from_user(int(payee.split(":")[1]), purse, USD, amount)
            else:
                self._move(payee, purse, USD, amount)
        self._settle_payer(USD, self.part)

    def _reverse_bill(self) -> None:
        """USD first, then grants, last spent first; and the tokens that it bought."""
        (bought,) = self._legs(debited=chart.TREASURY_EAML)
        tokens = money.part_rounded_up(self._left(bought), self.part, self.so_far.left)
        self._take(bought, tokens)
        self._from_user(self.payer, chart.TREASURY_EAML, EAML, tokens)
        left = self.part
        for number in reversed(self._legs(credited=chart.REVENUE_USD)):
            amount = min(left, self._left(number))
            left -= amount
            self._take(number, amount)
            if self.recorded[number - 1].debit == user_account(self.payer, "coupon"):
                self._restore_grants(amount)
            else:
                self._move(chart.REVENUE_USD, user_account(self.payer, "usd"), USD, amount)
                self._settle_payer(USD, amount)

    def _restore_grants(self, amount: Decimal) -> None:
        left, restored = amount, ZERO
        known = {grant.id: grant for grant in self.book.user_grants(self.payer)}
        for spent in reversed(self.original.data["spent"]):
            grant_id = spent["grant"]
            part = min(left, Decimal(spent["amount"]) - self.grants_taken.get(grant_id, ZERO))
            if part <= ZERO:
                continue
            left -= part
            self.grants_taken[grant_id] = self.grants_taken.get(grant_id, ZERO) + part
            grant = known[grant_id]
            if grant.expires_at is not None and grant.expires_at <= self.now:
                self.to_promotions += part
            else:
                restored += part
                self.grants[grant_id] = replace(grant, remaining=grant.remaining + part)
        self._move(chart.REVENUE_USD, user_account(self.payer, "coupon"), USD, restored)
        self._move(chart.REVENUE_USD, chart.PROMOTIONS_USD, USD, self.to_promotions)

    def _reverse_grant(self) -> None:
        grant = next(
            (each for each in self.book.user_grants(self.payer) if each.id == self.original.id), None
        )
        remaining = ZERO if grant is None or not grant.is_live(self.now) else grant.remaining
        if grant is None or remaining < self.part:
            raise InsufficientFunds(
                f"{text(remaining)} of the coupon is left",
                currency=USD,
                amount=text(self.part),
                available=text(remaining),
            )
        self.grants[grant.id] = replace(grant, remaining=grant.remaining - self.part)
        self._take(1, self.part)
        self._move(user_account(self.payer, "coupon"), chart.PROMOTIONS_USD, USD, self.part)

    def _reverse_plain(self) -> None:
        """Money paid in, or an adjustment: the first transfer the other way round."""
        first = self.recorded[0]
        self._take(1, self.part)
        if first.debit.startswith("user:"):
            name = first.debit.split(":", 2)[2]
            self._move(first.credit, first.debit, first.currency, self.part)
            if not name.startswith("due:"):
                self._settle_payer(first.currency, self.part)
        else:
            self._from_user(self.payer, first.debit, first.currency, self.part)


def _total(original: Original) -> Decimal:
    """What the payer paid, which is what can be reversed. Raises `NotReversible`."""
    kind, transfers = Kind(original.kind), original.transfers
    if original.type not in {"operation.recorded", "hold.captured"} or kind in {
        Kind.COUPON_EXPIRY,
        Kind.REVERSAL,
        Kind.OPENING_BALANCE,
    }:
        raise NotReversible(f"{kind} is not reversed", operation=original.id)
    if kind in COMPUTE:
        return sum((each.amount for each in transfers if each.credit == chart.REVENUE_EAML), ZERO)
    if kind is Kind.PAY_A_BILL:
        return sum((each.amount for each in transfers if each.credit == chart.REVENUE_USD), ZERO)
    if kind in MARKET:
        purse = user_account(original.data["payer"], "usd")
        return sum((each.amount for each in transfers if each.debit == purse), ZERO)
    return transfers[0].amount if transfers else ZERO
