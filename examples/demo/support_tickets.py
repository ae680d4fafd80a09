"""Plans the tickets of customer service: coupons, holds, refunds and a write-off."""

from decimal import ROUND_DOWN, Decimal
from typing import Final
from uuid import UUID

from examples.demo import accounts
from examples.demo.expectation import World
from examples.demo.tickets import Tickets

SOON: Final = 3.0
"""The time in seconds until an expiring coupon or hold expires."""

_MONTH: Final = 30 * 86_400.0
_CODE: Final = "WELCOME-3"
_COPIED: Final = 7002
"""A machine whose copies cost 95.00: half of the price and of its commission are exact."""


class SupportPlanner:
    """Creates tickets, and adds their results to the expected accounts and events."""

    def __init__(self, world: World, tickets: Tickets) -> None:
        self._world = world
        self._accounts = world.expected.accounts
        self._events = world.expected.other_events
        self._add = tickets.add

    def plan(self) -> None:
        """Create tickets of each kind."""
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
        """Pay a bill of 7.00 with a coupon of 5.00 and 2.00 USD, and reverse half of it."""
        self._pay_in(user, Decimal(20))
        self._coupon(user, "5.00", _MONTH)
        body = {"type": "pay_a_bill", "operation_user": user, "amount": "7.00"}
        bill = self._add("/v1/operations", body)
        self._accounts.pay_a_bill(user, Decimal(7))
        self._events["operation.recorded", "pay_a_bill"] += 1
        self._reverse(bill, "3.50")
        self._accounts.take_back_a_bill(user, usd=Decimal(2), coupon=Decimal("1.50"))

    def _code(self, first: int, second: int, third: int) -> None:
        """Redeem a code for two users. A second redemption by one of them and a third user are rejected."""
        self._add("/v1/coupons/codes", {"code": _CODE, "amount": "3.00", "redemptions_max": 2})
        self._events["coupon_code.created", "coupon_code"] += 1
        for user in (first, second, first, third):
            self._add("/v1/coupons/redemptions", {"operation_user": user, "code": _CODE})
        for user in (first, second):
            self._accounts.grant(user, Decimal(3))
        self._events["operation.recorded", "coupon_grant"] += 2
        self._events["operation.rejected", "coupon_grant"] += 2

    def _captures(self, user: int) -> None:
        """Capture 7,000 of 10,000 held lines in two parts, and reverse the first part."""
        hold = self._hold(user, 10_000, _MONTH)
        captured = self._add(f"/v1/holds/{hold}/capture", {"count_of_lines": 4_000, "final": False})
        self._add(f"/v1/holds/{hold}/capture", {"count_of_lines": 3_000, "final": True})
        self._events["hold.captured", "solving"] += 2
        self._accounts.charge(user, accounts.SOLVING_LINE * 7_000)
        self._reverse(captured, None)
        self._accounts.charge(user, -accounts.SOLVING_LINE * 4_000)

    def _void(self, user: int) -> None:
        hold = self._hold(user, 5_000, _MONTH)
        self._add(f"/v1/holds/{hold}/void", {"reason": "the server did not start"})
        self._events["hold.voided", "solving"] += 1

    def _refund_of_a_sale(self, user: int) -> None:
        """Reverse half of a sale, including the commission."""
        machine = next(it for it in self._world.machines if it.id == _COPIED)
        price, seller = Decimal(machine.machine_copy_price_usd or 0), machine.machine_owner_user
        self._pay_in(user, Decimal(200))
        body = {"type": "machine_copy", "operation_user": user, "machine": machine.id}
        sale = self._add("/v1/operations", body)
        self._events["operation.recorded", "machine_copy"] += 1
        self._accounts.sell(user, seller, price)
        self._reverse(sale, str(price / 2))
        self._accounts.sell(user, seller, -price / 2)

    def _write_off(self, user: int) -> None:
        """Write off half of the tokens that a user owes."""
        amount = (self._accounts.balances(user).due_eaml / 2).quantize(accounts.UNIT, ROUND_DOWN)
        body = {
            "operation_user": user,
            "account": "due:eaml",
            "direction": "down",
            "amount": f"{amount:f}",
            "reason_code": "uncollectible",
            "reason": "moved without leaving an address",
        }
        self._add("/v1/adjustments", body)
        self._events["operation.recorded", "adjustment"] += 1
        self._accounts.write_off(user, amount)

    def _expire(self, user: int, coupon: str, planner: int, hold: str) -> None:
        """Send a request of each user after the expiry, which expires the coupon and the hold."""
        self._coupon(user, "1.00", _MONTH, when_expired=coupon)
        self._accounts.grant(user, Decimal(-4))
        self._events["operation.recorded", "coupon_expiry"] += 1
        self._hold(planner, 2_000_000_000, _MONTH, when_expired=hold, refused=True)
        self._events["hold.expired", "solving"] += 1

    def _pay_in(self, user: int, amount: Decimal) -> None:
        reference = f"desk_{user}"
        kind = "credit_from_user"
        body = {"type": kind, "operation_user": user, "amount": str(amount), "payment_reference": reference}
        self._add("/v1/operations", body)
        self._events["operation.recorded", kind] += 1
        self._accounts.top_up(user, amount)

    def _coupon(self, user: int, amount: str, expires_in: float, *, when_expired: str | None = None) -> str:
        self._events["operation.recorded", "coupon_grant"] += 1
        self._accounts.grant(user, Decimal(amount))
        body = {"operation_user": user, "amount": amount, "reason": "summer campaign"}
        return self._add("/v1/coupons", body, expires_in=expires_in, when_expired=when_expired)

    def _hold(
        self,
        user: int,
        lines: int,
        expires_in: float,
        *,
        when_expired: str | None = None,
        refused: bool = False,
    ) -> str:
        """Request a hold and return its id."""
        hold = str(UUID(int=self._world.random.getrandbits(128), version=4))
        self._events["hold.refused" if refused else "hold.placed", "solving"] += 1
        body = {
            "hold": hold,
            "operation_user": user,
            "kind": "solving",
            "machine": self._world.machines[0].id,
            "count_of_lines": lines,
        }
        self._add("/v1/holds", body, id_=hold, expires_in=expires_in, when_expired=when_expired)
        return hold

    def _reverse(self, ticket: str, amount: str | None) -> None:
        body = {"reason": "the customer complained"} | ({} if amount is None else {"amount": amount})
        self._add("/v1/operations/{operation}/reversals", body, about=ticket)
        self._events["operation.reversed", "reversal"] += 1
