"""The orders of the marketplace: who pays in, who buys what from whom, and what becomes of it."""

from collections import defaultdict
from decimal import Decimal
from typing import Any, Final

from easyautoml_ledger.reference import Machine
from examples.demo.expectation import World
from examples.marketplace_service import Order

# The price of what is sold, and the flag that says whether it is on offer, by kind.
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
_UNSURE: Final = 0.04
_LINES_MOST: Final = 2_000
_BEYOND_ALL_MEANS: Final = "750000.00"


def price_of(machine: Machine, kind: str) -> Decimal | None:
    """The price of a kind of sale, whether it is on offer or not; None where there is none."""
    price: Decimal | None = getattr(machine, _PRICES[kind][0])
    return price


def is_on_offer(machine: Machine, kind: str) -> bool:
    """Whether somebody else can buy this."""
    price, flag = _PRICES[kind]
    return getattr(machine, price) is not None and (flag is None or getattr(machine, flag))


class Trading:
    """Thinks up orders, and enters what they come to. Nobody orders more than he has paid in."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._expected = world.expected
        self._purse: defaultdict[int, Decimal] = defaultdict(Decimal)
        """USD that a user has paid in and not spent; what he earns he leaves alone."""
        self._terms_now = {machine.id: machine for machine in world.machines}

    def opening(self) -> list[Order]:
        """Everybody of the prepaid users pays in, and buys tokens."""
        orders = []
        for user in self._world.prepaid:
            bill = self._random.randrange(3, 12)
            self._world.tokens_first[user] = bill * 100
            orders += [self._payment(user, Decimal(self._random.randrange(40_000, 200_000)) / 100)]
            orders += [self._bill(user, Decimal(bill))]
        return orders

    def settling(self) -> list[Order]:
        """Some of those who owe pay a bill: what is due is settled first."""
        orders = []
        for user in self._world.owing[1:3]:
            orders += [self._payment(user, Decimal("12.50")), self._bill(user, Decimal("2.25"))]
        return orders

    def ordinary(self, count: int) -> list[Order]:
        """Payments, bills and sales that are recorded, some of them sent twice."""
        return [self._ordinary() for _ in range(count)]

    def rejected(self, count: int) -> list[Order]:
        """Orders that are decided against, of each sort in turn."""
        world = self._world
        makers = (
            lambda: self._refused(
                "machine_copy", self._dearest("machine_copy"), world.penniless, "insufficient_funds"
            ),
            lambda: self._refused("machine_copy", self._without("machine_copy"), world.prepaid, "no_price"),
            lambda: self._refused(
                "buy_data_source", self._without("buy_data_source"), world.owing, "not_for_sale"
            ),
            self._too_many_lines,
            self._too_large_a_bill,
            self._from_himself,
        )
        return [makers[number % len(makers)]() for number in range(count)]

    def before_they_join(self) -> list[Order]:
        """Orders of a user, and on a machine, that nobody has told the ledger of yet."""
        user = self._world.catalogue.users_joining_later[0].id
        machine = self._world.catalogue.machines_joining_later[0]
        buyer = self._world.prepaid[0]
        self._expected.waiting[f"user:{user}"] += 1  # what follows the payment waits for its outcome
        self._expected.waiting[f"machine:{machine.id}"] += 1
        return [
            self._payment(user, Decimal("280.00")),
            self._bill(user, Decimal("1.50")),
            self._sale("machine_copy", self._world.machines[0], user),
            self._payment(buyer, Decimal("50.00")),
            self._sale("machine_copy_update", machine, buyer),
        ]

    def prices_change(self) -> None:
        """From here on, what is bought at once costs what the catalogue says it costs later."""
        self._terms_now |= {machine.id: machine for machine in self._world.catalogue.repriced}

    def repriced(self, count: int) -> list[Order]:
        """Sales after prices changed: told late at the old price, at once at the new one, or wrong."""
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
            seller_excepted = [user for user in self._world.prepaid if user != new.machine_owner_user]
            user = self._random.choice(seller_excepted)
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
        if kind == "pay_a_bill" and user in self._world.prepaid and self._purse[user] > 10:
            return self._bill(user, Decimal(self._random.randrange(100, 400)) / 100)
        kind = kind if kind in _PRICES else "solving_with_api_market"
        now = self._world.chance(0.3)
        machine = self._any(kind, but_not=user)
        if now:
            machine = self._terms_now[machine.id]
        if self._purse[user] < _most(kind, machine):
            return self._payment(user, Decimal(self._random.randrange(20_000, 90_000)) / 100)
        return self._sale(kind, machine, user, now=now, priced=self._world.chance(0.4))

    def _payment(self, user: int, amount: Decimal) -> Order:
        self._purse[user] += amount
        self._expected.books.top_up(user, amount)
        reference = f"pw_{self._random.randrange(16**12):012x}"
        return self._accepted("credit_from_user", user, amount=str(amount), payment_reference=reference)

    def _bill(self, user: int, amount: Decimal) -> Order:
        self._purse[user] -= amount
        self._expected.books.pay_a_bill(user, amount)
        return self._accepted("pay_a_bill", user, amount=str(amount))

    def _sale(
        self, kind: str, machine: Machine, user: int, *, now: bool = False, priced: bool = False
    ) -> Order:
        price = price_of(machine, kind) or Decimal(0)
        lines = self._random.randrange(_LINES_MOST) if kind == "solving_with_api_market" else None
        gross = price * (1 if lines is None else lines)
        if gross > self._purse[user]:
            raise AssertionError(f"user {user} cannot pay {gross}: what is expected would not be certain")
        self._purse[user] -= gross
        self._expected.books.sell(user, machine.machine_owner_user, gross)
        unit_price = str(price) if priced else None
        return self._accepted(kind, user, machine=machine.id, lines=lines, unit_price=unit_price, now=now)

    def _funded(self, user: int, machine: Machine, kind: str) -> list[Order]:
        needed = _most(kind, machine)
        return [self._payment(user, needed)] if self._purse[user] < needed else []

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
        dear = self._dearest(kind)
        user = self._random.choice([user for user in self._world.prepaid if user != dear.machine_owner_user])
        return self._order(kind, user, machine=dear.id, lines=2_000_000_000)

    def _too_large_a_bill(self) -> Order:
        self._expected.rejected("pay_a_bill", "insufficient_funds")
        return self._order("pay_a_bill", self._random.choice(self._world.prepaid), amount=_BEYOND_ALL_MEANS)

    def _from_himself(self) -> Order:
        kind = self._random.choice(("machine_copy", "machine_copy_update"))
        self._expected.rejected(kind, "own_machine")
        machine = self._any(kind)
        return self._order(kind, machine.machine_owner_user, machine=machine.id)

    def _any(self, kind: str, *, but_not: int | None = None) -> Machine:
        offers = [it for it in self._world.machines if is_on_offer(it, kind)]
        return self._random.choice([it for it in offers if it.machine_owner_user != but_not])

    def _dearest(self, kind: str) -> Machine:
        return max(self._world.machines, key=lambda it: price_of(it, kind) or 0)

    def _without(self, kind: str) -> Machine:
        return self._random.choice([it for it in self._world.machines if not is_on_offer(it, kind)])

    def _accepted(self, kind: str, user: int, **facts: Any) -> Order:
        self._expected.recorded(kind)
        unsure = self._world.chance(_UNSURE)
        if unsure:
            self._expected.repeated(kind)
        return self._order(kind, user, unsure=unsure, **facts)

    def _order(self, kind: str, user: int, *, now: bool = False, **facts: Any) -> Order:
        at = None if now else self._world.some_time_ago()
        return Order(id=self._world.new_id("order"), kind=kind, user=user, at=at, **facts)


def _most(kind: str, machine: Machine) -> Decimal:
    """What a sale comes to at most."""
    return (price_of(machine, kind) or Decimal(0)) * (_LINES_MOST if kind == "solving_with_api_market" else 1)
