"""Plans the orders of the marketplace, with their expected outcomes."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

from easyautoml_ledger.reference import Machine
from examples.demo.expectation import World
from examples.marketplace_service import Order

# The names of the price and of the sale flag, by kind.
_PRICES: Final = {
    "solving_with_api_market": ("machine_api_solving_price_usd", "machine_api_solving_is_public"),
    "buy_data_source": ("machine_data_source_price_usd", "machine_data_source_is_public"),
    "machine_copy": ("machine_copy_price_usd", None),
    "machine_copy_update": ("machine_copy_update_price_usd", None),
}
_KINDS: Final = (
    *("solving_with_api_market",) * 10,
    *("buy_data_source", "machine_copy", "machine_copy_update", "credit_from_user", "pay_a_bill") * 2,
)
_SENT_TWICE_SHARE: Final = 0.04
_LINES_MAX: Final = 2_000
_UNAFFORDABLE_USD: Final = "750000.00"


def price_of(machine: Machine, kind: str) -> Decimal | None:
    """Return the price of a kind of sale, even if it is not on offer, or None."""
    price: Decimal | None = getattr(machine, _PRICES[kind][0])
    return price


def is_on_offer(machine: Machine, kind: str) -> bool:
    """Return whether other users can buy this."""
    price, flag = _PRICES[kind]
    return getattr(machine, price) is not None and (flag is None or getattr(machine, flag))


class OrderPlanner:
    """Creates random orders, and adds their amounts to the expected accounts.

    Users never order more than they have paid in.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._expected = world.expected
        self._unspent: defaultdict[int, Decimal] = defaultdict(Decimal)
        """USD that a user has paid in and not spent. Earnings are not spent."""
        self._terms_now = {machine.id: machine for machine in world.machines}

    def opening(self) -> list[Order]:
        """Return a payment and a bill of every prepaid user."""
        orders = []
        for user in self._world.prepaid:
            bill = self._random.randrange(3, 12)
            self._world.initial_tokens[user] = bill * 100
            orders += [self._payment(user, Decimal(self._random.randrange(40_000, 200_000)) / 100)]
            orders += [self._bill(user, Decimal(bill))]
        return orders

    def bills_of_debtors(self) -> list[Order]:
        """Return payments and bills of some users who owe: the due amount is paid first."""
        orders = []
        for user in self._world.owing[1:3]:
            orders += [self._payment(user, Decimal("12.50")), self._bill(user, Decimal("2.25"))]
        return orders

    def ordinary(self, count: int) -> list[Order]:
        """Return payments, bills and sales that are recorded, some of them sent twice."""
        return [self._ordinary() for _ in range(count)]

    def rejected(self, count: int) -> list[Order]:
        """Return orders that are rejected, for each reason in turn."""
        world = self._world
        reasons = (
            lambda: self._refused(
                "machine_copy", self._most_expensive("machine_copy"), world.penniless, "insufficient_funds"
            ),
            lambda: self._refused(
                "machine_copy", self._not_on_offer("machine_copy"), world.prepaid, "no_price"
            ),
            lambda: self._refused(
                "buy_data_source", self._not_on_offer("buy_data_source"), world.owing, "not_for_sale"
            ),
            self._too_many_lines,
            self._too_large_a_bill,
            self._own_machine,
        )
        return [reasons[number % len(reasons)]() for number in range(count)]

    def before_they_join(self) -> list[Order]:
        """Return orders of a user, and on a machine, that the ledger does not know yet."""
        user = self._world.catalogue.users_joining_later[0].id
        machine = self._world.catalogue.machines_joining_later[0]
        buyer = self._world.prepaid[0]
        self._expected.waiting[f"user:{user}"] += 1  # the later orders wait for the outcome of the payment
        self._expected.waiting[f"machine:{machine.id}"] += 1
        return [
            self._payment(user, Decimal("280.00")),
            self._bill(user, Decimal("1.50")),
            self._sale("machine_copy", self._world.machines[0], user),
            self._payment(buyer, Decimal("50.00")),
            self._sale("machine_copy_update", machine, buyer),
        ]

    def prices_change(self) -> None:
        """Use the later prices of the catalogue for sales that happen at the time of publishing."""
        self._terms_now |= {machine.id: machine for machine in self._world.catalogue.repriced}

    def repriced(self, count: int) -> list[Order]:
        """Return sales after the price change: old ones at the old price, new ones at the new, or wrong."""
        changes = [
            (new, old, kind)
            for new in self._world.catalogue.repriced
            for old in self._world.machines
            for kind in _PRICES
            if old.id == new.id and price_of(old, kind) != price_of(new, kind)
        ]
        orders = []
        for number in range(count):
            new, old, kind = changes[number // 4 % len(changes)]
            other_users = [user for user in self._world.prepaid if user != new.machine_owner_user]
            user = self._random.choice(other_users)
            match number % 4:
                case 0:
                    orders += [*self._funded(user, old, kind), self._sale(kind, old, user, priced=True)]
                case 1:
                    orders += [
                        *self._funded(user, new, kind),
                        self._sale(kind, new, user, priced=True, now=True),
                    ]
                case 2:
                    orders += [self._mispriced(kind, old, user, now=True)]
                case _:
                    orders += [self._mispriced(kind, new, user, now=False)]
        return orders

    def _ordinary(self) -> Order:
        kind = self._random.choice(_KINDS)
        user = self._random.choice(self._world.prepaid + self._world.owing)
        if kind == "credit_from_user":
            return self._payment(user, Decimal(self._random.randrange(5_000, 60_000)) / 100)
        if kind == "pay_a_bill" and user in self._world.prepaid and self._unspent[user] > 10:
            return self._bill(user, Decimal(self._random.randrange(100, 400)) / 100)
        kind = kind if kind in _PRICES else "solving_with_api_market"
        now = self._world.chance(0.3)
        machine = self._any(kind, except_for=user)
        if now:
            machine = self._terms_now[machine.id]
        if self._unspent[user] < _largest_price(kind, machine):
            return self._payment(user, Decimal(self._random.randrange(20_000, 90_000)) / 100)
        return self._sale(kind, machine, user, now=now, priced=self._world.chance(0.4))

    def _payment(self, user: int, amount: Decimal) -> Order:
        self._unspent[user] += amount
        self._expected.accounts.top_up(user, amount)
        reference = f"pw_{self._random.randrange(16**12):012x}"
        return self._accepted("credit_from_user", user, amount=str(amount), payment_reference=reference)

    def _bill(self, user: int, amount: Decimal) -> Order:
        self._unspent[user] -= amount
        self._expected.accounts.pay_a_bill(user, amount)
        return self._accepted("pay_a_bill", user, amount=str(amount))

    def _sale(
        self, kind: str, machine: Machine, user: int, *, now: bool = False, priced: bool = False
    ) -> Order:
        price = price_of(machine, kind) or Decimal(0)
        lines = self._random.randrange(_LINES_MAX) if kind == "solving_with_api_market" else None
        gross = price * (1 if lines is None else lines)
        if gross > self._unspent[user]:
            raise AssertionError(f"user {user} cannot pay {gross}, so the outcome would be uncertain")
        self._unspent[user] -= gross
        self._expected.accounts.sell(user, machine.machine_owner_user, gross)
        unit_price = str(price) if priced else None
        return self._accepted(kind, user, machine=machine.id, lines=lines, unit_price=unit_price, now=now)

    def _funded(self, user: int, machine: Machine, kind: str) -> list[Order]:
        needed = _largest_price(kind, machine)
        return [self._payment(user, needed)] if self._unspent[user] < needed else []

    def _mispriced(self, kind: str, machine: Machine, user: int, *, now: bool) -> Order:
        self._expected.rejected(kind, "price_changed")
        lines = 10 if kind == "solving_with_api_market" else None
        price = str(price_of(machine, kind))
        return self._order(kind, user, machine=machine.id, lines=lines, unit_price=price, now=now)

    def _refused(self, kind: str, machine: Machine, users: list[int], code: str) -> Order:
        self._expected.rejected(kind, code)
        user = self._random.choice([user for user in users if user != machine.machine_owner_user])
        return self._order(kind, user, machine=machine.id)

    def _too_many_lines(self) -> Order:
        kind = "solving_with_api_market"
        self._expected.rejected(kind, "insufficient_funds")
        machine = self._most_expensive(kind)
        user = self._random.choice(
            [user for user in self._world.prepaid if user != machine.machine_owner_user]
        )
        return self._order(kind, user, machine=machine.id, lines=2_000_000_000)

    def _too_large_a_bill(self) -> Order:
        self._expected.rejected("pay_a_bill", "insufficient_funds")
        return self._order("pay_a_bill", self._random.choice(self._world.prepaid), amount=_UNAFFORDABLE_USD)

    def _own_machine(self) -> Order:
        kind = self._random.choice(("machine_copy", "machine_copy_update"))
        self._expected.rejected(kind, "own_machine")
        machine = self._any(kind)
        return self._order(kind, machine.machine_owner_user, machine=machine.id)

    def _any(self, kind: str, *, except_for: int | None = None) -> Machine:
        offers = [it for it in self._world.machines if is_on_offer(it, kind)]
        return self._random.choice([it for it in offers if it.machine_owner_user != except_for])

    def _most_expensive(self, kind: str) -> Machine:
        return max(self._world.machines, key=lambda it: price_of(it, kind) or 0)

    def _not_on_offer(self, kind: str) -> Machine:
        return self._random.choice([it for it in self._world.machines if not is_on_offer(it, kind)])

    def _accepted(self, kind: str, user: int, **fields: Any) -> Order:
        self._expected.recorded(kind)
        sent_twice = self._world.chance(_SENT_TWICE_SHARE)
        if sent_twice:
            self._expected.repeated(kind)
        return self._order(kind, user, sent_twice=sent_twice, **fields)

    def _order(self, kind: str, user: int, *, now: bool = False, **fields: Any) -> Order:
        at = None if now else self._world.some_time_ago()
        return Order(id=self._world.new_id("order"), kind=kind, user=user, at=at, **fields)


def _largest_price(kind: str, machine: Machine) -> Decimal:
    """Return the largest price of a sale."""
    return (price_of(machine, kind) or Decimal(0)) * (_LINES_MAX if kind == "solving_with_api_market" else 1)
