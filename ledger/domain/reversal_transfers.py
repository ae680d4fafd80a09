"""The transfers that take back a part of an operation.

On the payees' side the part is split by largest remainder over what is left of each leg. On the payer's
side it comes back in the reverse of the recorded order, so that grants come back as grants. Money that a
payee has already spent becomes due from the payee, or a loss of the platform, as a setting says. Tokens
that were bought go back in proportion to the USD, rounded up; the last part takes all that are left.
"""

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from ledger.domain import chart, money
from ledger.domain.charging import pay_down_due
from ledger.domain.chart import Transfer, is_due, is_user_account, name_of, owner_of, user_account
from ledger.domain.coupons import Grant
from ledger.domain.errors import InsufficientFunds
from ledger.domain.locked_state import LockedState
from ledger.domain.money import EAML, USD, ZERO, Currency, text
from ledger.domain.operations import COMPUTE, MARKET, Kind
from ledger.domain.reversals import Original, Reversed, split


class ReversalTransfers:
    """Collects the transfers of one reversal. `as_loss`: money that a payee has spent is lost, not due."""

    def __init__(
        self,
        original: Original,
        locked: LockedState,
        so_far: Reversed,
        part: Decimal,
        *,
        now: datetime,
        closed: frozenset[int],
        as_loss: bool,
    ) -> None:
        self.original = original
        self.kind = Kind(original.kind)
        self.locked, self.so_far, self.part, self.now = locked, so_far, part, now
        self.closed, self.as_loss = closed, as_loss
        self.payer: int = self.original.data["payer"]
        self.recorded = self.original.transfers
        self.legs: dict[int, Decimal] = dict(so_far.legs)
        self.grants_reversed: dict[str, Decimal] = dict(so_far.grants)
        self.grants: dict[str, Grant] = {}
        self.transfers: list[Transfer] = []
        self.to_promotions = ZERO

    def run(self) -> None:
        if self.kind in COMPUTE:
            self._reverse_compute()
        elif self.kind in MARKET:
            self._reverse_sale()
        elif self.kind is Kind.PAY_A_BILL:
            self._reverse_bill()
        elif self.kind is Kind.COUPON_GRANT:
            self._revoke_grant()
        elif self.kind is Kind.ADJUSTMENT:
            self._reverse_adjustment()
        elif self.kind is Kind.PAYOUT:
            self._return_payout()
        else:
            self._reverse_payment()

    def _left_of(self, number: int) -> Decimal:
        return self.recorded[number - 1].amount - self.legs.get(number, ZERO)

    def _leg_numbers(self, *, credited: str | None = None, debited: str | None = None) -> list[int]:
        """Return the numbers of the recorded transfers between these accounts."""
        return [
            number
            for number, transfer in enumerate(self.recorded, 1)
            if credited in (None, transfer.credit) and debited in (None, transfer.debit)
        ]

    def _record_leg(self, number: int, amount: Decimal) -> None:
        if amount:
            self.legs[number] = self.legs.get(number, ZERO) + amount

    def _move(self, debit: str, credit: str, currency: Currency, amount: Decimal) -> None:
        if amount > ZERO:
            self.transfers.append(Transfer(debit, credit, currency, amount))

    def _debit_user(self, user: int, credit: str, currency: Currency, amount: Decimal) -> None:
        """Take from a user what is available. The rest becomes due, or a loss of the platform."""
        funds, losses = chart.FUNDS[currency], chart.LOSSES[currency]
        if user in self.closed:
            self._move(losses, credit, currency, amount)
            return
        own, due = user_account(user, funds), user_account(user, chart.DUES[currency])
        taken = min(amount, self.locked.available(user, funds))
        self._move(own, credit, currency, taken)
        loss = self.as_loss and user != self.payer
        self._move(losses if loss else due, credit, currency, amount - taken)

    def _pay_down_payer(self, currency: Currency, amount: Decimal) -> None:
        self.transfers += pay_down_due(self.locked, self.payer, currency, amount)

    def _reverse_compute(self) -> None:
        """Forgive what became due and is still owed first, then pay back the rest."""
        left, back = self.part, ZERO
        due = user_account(self.payer, "due:eaml")
        still_owed = self.locked.balance(self.payer, "due:eaml")
        for number in reversed(self._leg_numbers(credited=chart.REVENUE_EAML)):
            amount = min(left, self._left_of(number))
            left -= amount
            self._record_leg(number, amount)
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
        numbers = self._leg_numbers(debited=purse)
        for number, amount in zip(
            numbers, split(self.part, [self._left_of(n) for n in numbers]), strict=True
        ):
            self._record_leg(number, amount)
            credited = self.recorded[number - 1].credit
            payee = owner_of(credited)
            if payee is None:
                self._move(credited, purse, USD, amount)
            else:
                self._debit_user(payee, purse, USD, amount)
        self._pay_down_payer(USD, self.part)

    def _reverse_bill(self) -> None:
        """Return USD first, then grants, the last spent first, and take back the tokens that were bought."""
        (bought,) = self._leg_numbers(debited=chart.TREASURY_EAML)
        tokens = money.part_rounded_up(self._left_of(bought), self.part, self.so_far.left)
        self._record_leg(bought, tokens)
        self._debit_user(self.payer, chart.TREASURY_EAML, EAML, tokens)
        left = self.part
        for number in reversed(self._leg_numbers(credited=chart.REVENUE_USD)):
            amount = min(left, self._left_of(number))
            left -= amount
            self._record_leg(number, amount)
            if self.recorded[number - 1].debit == user_account(self.payer, "coupon"):
                self._restore_grants(amount, chart.REVENUE_USD)
            else:
                self._move(chart.REVENUE_USD, user_account(self.payer, "usd"), USD, amount)
                self._pay_down_payer(USD, amount)

    def _restore_grants(self, amount: Decimal, source: str) -> None:
        """Give back what grants paid, the last spent first. What has expired since goes to promotions."""
        left, restored, expired = amount, ZERO, ZERO
        known = {grant.id: grant for grant in self.locked.user_grants(self.payer)}
        for spent in reversed(self.original.data["spent"]):
            grant_id = spent["grant"]
            part = min(left, Decimal(spent["amount"]) - self.grants_reversed.get(grant_id, ZERO))
            if part <= ZERO:
                continue
            left -= part
            self.grants_reversed[grant_id] = self.grants_reversed.get(grant_id, ZERO) + part
            grant = known[grant_id]
            if grant.expires_at is not None and grant.expires_at <= self.now:
                expired += part
            else:
                restored += part
                self.grants[grant_id] = replace(grant, remaining=grant.remaining + part)
        self.to_promotions += expired
        self._move(source, user_account(self.payer, "coupon"), USD, restored)
        if source != chart.PROMOTIONS_USD:
            self._move(source, chart.PROMOTIONS_USD, USD, expired)

    def _revoke_grant(self) -> None:
        """Take back a coupon that was granted. Raises `InsufficientFunds` if too little of it is left."""
        grant = next(
            (each for each in self.locked.user_grants(self.payer) if each.id == self.original.id), None
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
        self._record_leg(1, self.part)
        self._move(user_account(self.payer, "coupon"), chart.PROMOTIONS_USD, USD, self.part)

    def _reverse_payment(self) -> None:
        """Send money that was paid in back to its provider."""
        self._record_leg(1, self.part)
        self._debit_user(self.payer, self.recorded[0].debit, self.recorded[0].currency, self.part)

    def _return_payout(self) -> None:
        """Put money that was paid out and has come back on the user's account."""
        self._record_leg(1, self.part)
        self._move(chart.CLEARING_USD, user_account(self.payer, "usd"), USD, self.part)
        self._pay_down_payer(USD, self.part)

    def _reverse_adjustment(self) -> None:
        first = self.recorded[0]
        taken_off = is_user_account(first.debit)
        own, other = (first.debit, first.credit) if taken_off else (first.credit, first.debit)
        name = name_of(own)
        if name == "coupon" and not taken_off:
            self._revoke_grant()
            return
        self._record_leg(1, self.part)
        if name == "coupon":
            self._restore_grants(self.part, chart.PROMOTIONS_USD)
        elif is_due(name) and taken_off:
            self._forgive(other, own, first.currency)
        elif is_due(name):
            self._move(own, other, first.currency, self.part)  # the written-off amount is owed again
        elif taken_off:
            self._move(other, own, first.currency, self.part)
            self._pay_down_payer(first.currency, self.part)
        else:
            self._debit_user(self.payer, other, first.currency, self.part)

    def _forgive(self, source: str, due: str, currency: Currency) -> None:
        """Remove a debt; the part of it that was already paid is returned."""
        owed = min(self.part, self.locked.accounts[due].balance)
        self._move(source, due, currency, owed)
        self._move(source, user_account(self.payer, chart.FUNDS[currency]), currency, self.part - owed)
