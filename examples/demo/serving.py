"""What the customer service desk does at noon, when nobody else works: coupons, holds, refunds and more."""

from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from examples.demo import books
from examples.demo.expectation import World
from examples.demo.tickets import Tickets

SOON: Final = 3.0
"""Seconds after which what is meant to expire does."""

_MONTH: Final = 30 * 86_400.0
_CODE: Final = "WELCOME-3"
_COPIED: Final = 7002
"""A machine whose copies cost 95.00, which halves exactly, its commission too."""


class Serving:
    """Thinks up tickets, and enters what they come to."""

    def __init__(self, world: World, tickets: Tickets) -> None:
        self._world = world
        self._books = world.expected.books
        self._done = world.expected.beyond
        self._ask = tickets.ask

    def serve(self) -> None:
        """Each kind of thing at least once."""
        prepaid, penniless = self._world.prepaid, self._world.penniless
        forgetful, planner = penniless[1], prepaid[5]
        expiring = self._coupon(forgetful, "4.00", SOON)
        expiring_hold = self._hold(planner, 2_000, SOON)
        self._coupon_and_bill(prepaid[1])
        self._code(prepaid[2], prepaid[3], prepaid[4])
        self._captures(planner)
        self._void(planner)
        self._refund_of_a_sale(prepaid[6])
        self._write_off(self._world.owing[3])
        self._expire(forgetful, expiring, planner, expiring_hold)

    def _coupon_and_bill(self, user: int) -> None:
        """A coupon of 5.00 and 2.00 USD pay a bill of 7.00, half of which is taken back."""
        self._pay_in(user, Decimal(20))
        self._coupon(user, "5.00", _MONTH)
        body = {"type": "pay_a_bill", "operation_user": user, "amount": "7.00"}
        bill = self._ask("/v1/operations", body)
        self._books.pay_a_bill(user, Decimal(7))
        self._done["operation.recorded", "pay_a_bill"] += 1
        self._reverse(bill, "3.50")
        self._books.take_back_a_bill(user, usd=Decimal(2), coupon=Decimal("1.50"))

    def _code(self, first: int, second: int, third: int) -> None:
        """Two users redeem a code that is there for two; neither one of them again nor a third one can."""
        self._ask("/v1/coupons/codes", {"code": _CODE, "amount": "3.00", "redemptions_max": 2})
        self._done["coupon_code.created", "coupon_code"] += 1
        for user in (first, second, first, third):
            self._ask("/v1/coupons/redemptions", {"operation_user": user, "code": _CODE})
        for user in (first, second):
            self._books.grant(user, Decimal(3))
        self._done["operation.recorded", "coupon_grant"] += 2
        self._done["operation.rejected", "coupon_grant"] += 2

    def _captures(self, user: int) -> None:
        """Of 10,000 lines 7,000 are solved in two parts; the rest is free, the first part is refunded."""
        hold = self._hold(user, 10_000, _MONTH)
        captured = self._ask(f"/v1/holds/{hold}/capture", {"count_of_lines": 4_000, "final": False})
        self._ask(f"/v1/holds/{hold}/capture", {"count_of_lines": 3_000, "final": True})
        self._done["hold.captured", "solving"] += 2
        self._books.charge(user, books.SOLVING_LINE * 7_000)
        self._reverse(captured, None)
        self._books.charge(user, -books.SOLVING_LINE * 4_000)

    def _void(self, user: int) -> None:
        hold = self._hold(user, 5_000, _MONTH)
        self._ask(f"/v1/holds/{hold}/void", {"reason": "the server did not start"})
        self._done["hold.voided", "solving"] += 1

    def _refund_of_a_sale(self, user: int) -> None:
        """Half of a sale is taken back, commission included."""
        machine = next(it for it in self._world.machines if it.id == _COPIED)
        price, seller = Decimal(machine.machine_copy_price_usd or 0), machine.machine_owner_user
        self._pay_in(user, Decimal(200))
        body = {"type": "machine_copy", "operation_user": user, "machine": machine.id}
        sale = self._ask("/v1/operations", body)
        self._done["operation.recorded", "machine_copy"] += 1
        self._books.sell(user, seller, price)
        self._reverse(sale, str(price / 2))
        self._books.sell(user, seller, -price / 2)

    def _write_off(self, user: int) -> None:
        """Half of what somebody owes will never be paid."""
        amount = (self._books.balances(user).due_eaml / 2).quantize(books.UNIT, ROUND_DOWN)
        body = {
            "operation_user": user,
            "account": "due:eaml",
            "direction": "down",
            "amount": f"{amount:f}",
            "reason_code": "uncollectible",
            "reason": "has moved, and left no address",
        }
        self._ask("/v1/adjustments", body)
        self._done["operation.recorded", "adjustment"] += 1
        self._books.write_off(user, amount)

    def _expire(self, user: int, coupon: str, planner: int, hold: str) -> None:
        """What has expired is gone as soon as its user does anything, be it in vain."""
        self._coupon(user, "1.00", _MONTH, when_expired=coupon)
        self._books.grant(user, Decimal(-4))
        self._done["operation.recorded", "coupon_expiry"] += 1
        self._hold(planner, 2_000_000_000, _MONTH, when_expired=hold, refused=True)
        self._done["hold.expired", "solving"] += 1

    def _pay_in(self, user: int, amount: Decimal) -> None:
        reference = f"desk_{user}"
        kind = "credit_from_user"
        body = {"type": kind, "operation_user": user, "amount": str(amount), "payment_reference": reference}
        self._ask("/v1/operations", body)
        self._done["operation.recorded", kind] += 1
        self._books.top_up(user, amount)

    def _coupon(self, user: int, amount: str, expires_in: float, *, when_expired: str | None = None) -> str:
        self._done["operation.recorded", "coupon_grant"] += 1
        self._books.grant(user, Decimal(amount))
        body = {"operation_user": user, "amount": amount, "reason": "summer campaign"}
        return self._ask("/v1/coupons", body, expires_in=expires_in, when_expired=when_expired)

    def _hold(
        self,
        user: int,
        lines: int,
        expires_in: float,
        *,
        when_expired: str | None = None,
        refused: bool = False,
    ) -> str:
        """The hold's own id, which is what it is asked for with."""
        hold = str(UUID(int=self._world.random.getrandbits(128), version=4))
        self._done["hold.refused" if refused else "hold.placed", "solving"] += 1
        body = {
            "hold": hold,
            "operation_user": user,
            "kind": "solving",
            "machine": self._world.machines[0].id,
            "count_of_lines": lines,
        }
        self._ask("/v1/holds", body, id_=hold, expires_in=expires_in, when_expired=when_expired)
        return hold

    def _reverse(self, ticket: str, amount: str | None) -> None:
        body = {"reason": "the customer complained"} | ({} if amount is None else {"amount": amount})
        self._ask("/v1/operations/{operation}/reversals", body, about=ticket)
        self._done["operation.reversed", "reversal"] += 1
