"""A state machine that compares the engine on PostgreSQL with a one-page model after random commands."""

from contextlib import ExitStack
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
)

from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Submission
from models import Machine, User
from tests import builders as make
from tests.builders import balances, code_of, counts, rolled_back
from tests.depth import examples
from tests.ledger.engine.balance_model import SOLD, UNIT, Model, Offer

UNKNOWN_USER = 10**12
"""An id without a user, until a rule creates a user with it."""

_money = st.sampled_from([1, 3, UNIT // 2, UNIT, 10 * UNIT, 999 * UNIT]) | st.integers(1, 2000 * UNIT)
_small = st.integers(1, 10)
_large = _money | st.sampled_from([10**20 - 1, 6 * 10**19])
_price = st.none() | st.sampled_from([0, 1, 3, UNIT // 100, UNIT]) | st.integers(1, 50 * UNIT)
_prices = st.fixed_dictionaries(dict.fromkeys(("api", "data_source", "copy", "copy_update"), _price))
_lines = st.sampled_from([0, 1, 1000, 10_000_000]) | st.integers(0, 12_000_000)
_compute = st.sampled_from(["training", "solving", "solving_with_api"])


def decimal(units: int) -> str:
    return f"{Decimal(units).scaleb(-8):f}"


class Ledger(RuleBasedStateMachine):
    """Sends the commands of services, and changes machines and users in between."""

    users: Bundle[int] = Bundle("users")
    machines: Bundle[int] = Bundle("machines")
    sent: Bundle[tuple[str, dict[str, Any], int]] = Bundle("sent")
    unknown: Bundle[int] = Bundle("unknown")

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(rolled_back())
        self.model = Model()
        self.moments: list[datetime] = [timezone.now()]
        self.count = 0

    def teardown(self) -> None:
        self.undo.close()

    # Users and machines.

    @initialize(target=users)
    def users_with_money(self) -> Any:
        made = [self._create_user(), self._create_user()]
        for user in made:
            self._send({"kind": "credit_from_user", "user": user, "amount": 100 * UNIT})
            self._send({"kind": "pay_a_bill", "user": user, "amount": UNIT})
        return multiple(*made)

    @initialize(target=machines, prices=_prices)
    def first_machine(self, prices: dict[str, int | None]) -> int:
        return self.add_machine(self._create_user(), 2, prices)

    @initialize(target=unknown)
    def unknown_users(self) -> Any:
        return multiple(UNKNOWN_USER, UNKNOWN_USER + 1)

    @rule(target=users)
    def create_a_user(self) -> int:
        return self._create_user()

    @rule(target=users, number=consumes(unknown))
    def create_an_unknown_user(self, number: int) -> int:
        return self._create_user(id=number)

    def _create_user(self, **given: int) -> int:
        number: int = make.make_user(**given).pk
        self.model.users.add(number)
        return number

    @rule(target=machines, owner=users, columns=st.integers(0, 4), prices=_prices)
    def another_machine(self, owner: int, columns: int, prices: dict[str, int | None]) -> int:
        return self.add_machine(owner, columns, prices)

    def add_machine(self, owner: int, columns: int, prices: dict[str, int | None]) -> int:
        asked = {name: None if price is None else decimal(price) for name, price in prices.items()}
        number: int = make.make_machine(User.objects.get(pk=owner), columns=columns, **asked).pk
        self.model.offers[number] = [Offer(-1, owner, columns, prices)]
        return number

    @rule(machine=machines, owner=users, prices=_prices)
    def change_machine(self, machine: int, owner: int, prices: dict[str, int | None]) -> None:
        last = self.model.offers[machine][-1]
        self._change(machine, Offer(self.model.moment + 1, owner, last.columns, prices))

    @rule(machine=machines, prices=_prices)
    def change_prices(self, machine: int, prices: dict[str, int | None]) -> None:
        last = self.model.offers[machine][-1]
        self._change(machine, Offer(self.model.moment + 1, last.owner, last.columns, prices))

    def _change(self, machine: int, offer: Offer) -> None:
        row = Machine.objects.get(pk=machine)
        row.machine_owner_user_id = offer.owner
        for field, name in (
            ("machine_api_solving_price_usd", "api"),
            ("machine_data_source_price_usd", "data_source"),
            ("machine_copy_price_usd", "copy"),
            ("machine_copy_update_price_usd", "copy_update"),
        ):
            price = offer.prices[name]
            setattr(row, field, None if price is None else Decimal(decimal(price)))
        row.machine_api_solving_is_public = offer.prices["api"] is not None
        row.machine_data_source_is_public = offer.prices["data_source"] is not None
        row.save()
        self.model.offers[machine].append(offer)
        self.model.moment += 1
        self.moments.append(timezone.now())

    # Commands of services.

    @rule(target=sent, user=users | unknown, amount=_large)
    def top_up(self, user: int, amount: int) -> Any:
        return self._send({"kind": "credit_from_user", "user": user, "amount": amount})

    @rule(target=sent, user=users | unknown, amount=_money | _small)
    def pay_a_bill(self, user: int, amount: int) -> Any:
        return self._send({"kind": "pay_a_bill", "user": user, "amount": amount})

    @rule(
        target=sent,
        user=users,
        account=st.sampled_from(["usd", "eaml"]),
        amount=_money | _small,
        down=st.booleans(),
    )
    def adjust(self, user: int, account: str, amount: int, down: bool) -> Any:
        body = {"kind": "adjustment", "user": user, "account": account, "amount": -amount if down else amount}
        return self._send(body)

    @rule(
        target=sent,
        kind=_compute,
        user=users | unknown,
        machine=machines,
        lines=_lines,
        ago=st.integers(0, 3),
    )
    def compute(self, kind: str, user: int, machine: int, lines: int, ago: int) -> Any:
        return self._send({"kind": kind, "user": user, "machine": machine, "lines": lines}, ago)

    @rule(target=sent, user=users, machine=machines, part=st.integers(1, 100), paid=_small)
    def use_more_than_there_is(self, user: int, machine: int, part: int, paid: int) -> Any:
        """Make tokens due, and pay a first part of them."""
        lines = self.model.accounts[f"user:{user}:eaml"] // 10_000 + part
        used = self._send({"kind": "solving", "user": user, "machine": machine, "lines": lines})
        payment = {"kind": "adjustment", "user": user, "account": "eaml", "amount": paid}
        return multiple(used, self._send(payment))

    @rule(target=sent, user=users, machine=machines, lines=st.integers(0, 1000), ago=st.integers(0, 3))
    def use_market_api(self, user: int, machine: int, lines: int, ago: int) -> Any:
        body = {"kind": "solving_with_api_market", "user": user, "machine": machine, "lines": lines}
        return self._send(body, ago)

    @rule(
        target=sent,
        kind=st.sampled_from(sorted(set(SOLD) - {"solving_with_api_market"})),
        user=users,
        machine=machines,
        ago=st.integers(0, 3),
    )
    def buy(self, kind: str, user: int, machine: int, ago: int) -> Any:
        return self._send({"kind": kind, "user": user, "machine": machine}, ago)

    @rule(target=sent, user=users, machine=machines, price=_money)
    def buy_at_a_price(self, user: int, machine: int, price: int) -> Any:
        """Buy at a stated price, which is sometimes the machine's."""
        asked = self.model.offers[machine][-1].prices["copy"]
        unit_price = asked if asked is not None and price % 2 else price
        return self._send(
            {"kind": "machine_copy", "user": user, "machine": machine, "unit_price": unit_price}
        )

    @rule(target=sent, user=users)
    def solve_on_an_unknown_machine(self, user: int) -> Any:
        return self._send({"kind": "solving", "user": user, "machine": 10**12, "lines": 1})

    @rule(first=sent)
    def send_again(self, first: tuple[str, dict[str, Any], int]) -> None:
        self._compare([first])

    @rule(first=sent)
    def send_something_else_under_the_same_key(self, first: tuple[str, dict[str, Any], int]) -> None:
        key, body, moment = first
        changed = {"amount": UNIT * 7, "lines": 7, "unit_price": 7, "user": min(self.model.users)}
        name = next(name for name in changed if name in body)
        self._compare([(key, {**body, name: changed[name]}, moment)])

    @rule(
        target=sent,
        user=users,
        other=users,
        amounts=st.lists(_money, min_size=1, max_size=5),
        again=st.lists(sent, max_size=2),
    )
    def send_a_batch(
        self, user: int, other: int, amounts: list[int], again: list[tuple[str, dict[str, Any], int]]
    ) -> Any:
        bodies: list[dict[str, Any]] = []
        for number, amount in enumerate(amounts):
            kind = ["credit_from_user", "pay_a_bill"][number % 2]
            bodies.append({"kind": kind, "user": user if number % 3 else other, "amount": amount})
        made = [(self._key(), body, self.model.moment) for body in bodies]
        self._compare([*made, *again, made[0]])
        return multiple(*made)

    @rule(user=users, amount=_money)
    def ask_for_a_quote(self, user: int, amount: int) -> None:
        """A quote has the answer that posting would have, and writes nothing."""
        before = counts()
        submission = self._submission("quoted", {"kind": "pay_a_bill", "user": user, "amount": amount}, None)
        quoted = code_of(quote(submission))
        kept = dict(self.model.accounts)
        wanted, _ = self.model.submit(self._key(), {"kind": "pay_a_bill", "user": user, "amount": amount}, 0)
        self.model.accounts.clear()
        self.model.accounts.update(kept)
        assert quoted == wanted
        assert counts() == before

    def _send(self, body: dict[str, Any], ago: int = 0) -> tuple[str, dict[str, Any], int]:
        made = self._key(), body, max(0, self.model.moment - ago)
        self._compare([made])
        return made

    def _key(self) -> str:
        self.count += 1
        return f"key {self.count}"

    def _compare(self, sent: list[tuple[str, dict[str, Any], int]]) -> None:
        outcomes = post([self._submission(key, body, moment) for key, body, moment in sent])
        for (key, body, moment), outcome in zip(sent, outcomes, strict=True):
            wanted = self.model.submit(key, {**body, "moment": moment}, moment)
            assert _answer(outcome) == wanted, (key, body, outcome)
            event(f"{wanted[0]}{' again' if wanted[1] else ''}")

    def _submission(self, key: str, body: dict[str, Any], moment: int | None) -> Submission:
        fields = {name: value for name, value in body.items() if name not in {"kind", "user", "lines"}}
        if body["kind"] == "adjustment":
            return make.adjustment(body["user"], body["account"], decimal(body["amount"]), key=key)
        for name in ("amount", "unit_price"):
            if name in fields:
                fields[name] = decimal(fields[name])
        if "lines" in body:
            fields["count_of_lines"] = body["lines"]
        if body["kind"] == "credit_from_user":
            fields["payment_reference"] = f"payment of {key}"
        at = None if moment is None else self.moments[moment]
        return make.submission(body["kind"], body["user"], key=key, at=at, **fields)

    # Invariants.

    @invariant()
    def accounts_agree(self) -> None:
        stored = {code: int(balance.scaleb(8)) for code, balance in balances().items()}
        assert stored == self.model.balances()

    @precondition(lambda self: self.model.users)
    @invariant()
    def balances_on_users_agree(self) -> None:
        rows = User.objects.filter(pk__in=self.model.users)
        for number, *stored in rows.values_list("pk", "user_balance", "user_ixioo_balance", "coupon_balance"):
            assert tuple(int(each.scaleb(8)) for each in stored) == self.model.of_user(number)


def _answer(outcome: Outcome) -> tuple[str, bool]:
    return code_of(outcome), outcome.replayed


TestLedger = pytest.mark.django_db(Ledger.TestCase)
TestLedger.settings = settings(
    max_examples=examples(30),
    stateful_step_count=40,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
