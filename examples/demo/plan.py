"""The load of the demo: what each service has to do in the morning and in the evening."""

import json
from dataclasses import dataclass
from typing import Any

from easyautoml_ledger.operations import Operation
from easyautoml_ledger.payloads import encode
from easyautoml_ledger.topics import (
    MARKETPLACE_OPERATIONS,
    MARKETPLACE_SERVICE,
    TRAINING_OPERATIONS,
    TRAINING_SERVICE,
)
from examples import marketplace_service, training_service
from examples.careless_service import Letter
from examples.catalogue import Catalogue
from examples.customer_service import Ticket
from examples.demo.computing import Computing
from examples.demo.controlling import Controlling
from examples.demo.expectation import Expectation, World
from examples.demo.letters import mistakes, structured
from examples.demo.serving import Serving
from examples.demo.tickets import Tickets
from examples.demo.trading import Trading
from examples.marketplace_service import Order
from examples.training_service import Run

_NOBODY = 999_001
"""A user, and a machine, that nobody will ever tell the ledger of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What the three services have to do, each in this order."""

    runs: list[Run]
    orders: list[Order]
    letters: list[Letter]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """During the morning some users and machines join; after noon some prices change."""

    morning: Shift
    noon: list[Ticket]
    evening: Shift
    expected: Expectation


def make_plan(catalogue: Catalogue, *, seed: int, operations: int) -> Plan:
    """A load of about so many operations; the same one for the same seed, but for the times in it."""
    world = World(catalogue, seed)
    computing, trading = Computing(world), Trading(world)
    each = max(operations // 4, 10)
    special = max(operations // 100, 6)

    orders = [*trading.opening(), *trading.before_they_join()]
    orders += [*trading.ordinary(each), *trading.rejected(special)]
    runs = [*computing.ordinary(each), *computing.set_aside(max(special // 2, 4))]
    runs = computing.at_random([*runs, *computing.beyond_the_limit(special // 2)])
    runs = [*computing.before_they_join(), computing.on_credit(), *runs]
    letters = [*_unknown_for_ever(world), *_good_letters(world, special), *_bad_letters(world, 2)]
    morning = Shift(runs=runs, orders=orders, letters=letters)

    tickets = Tickets(world)
    Serving(world, tickets).serve()
    Controlling(world, tickets).control()
    trading.prices_change()
    orders = [*trading.settling(), *trading.repriced(special * 2), *trading.ordinary(each)]
    orders += trading.rejected(special)
    runs = [*computing.ordinary(each), *computing.set_aside(max(special // 2, 4))]
    runs = computing.at_random([*runs, *computing.beyond_the_limit(special // 2)])
    letters = [*_repeated(world, morning, special), *_in_conflict(world, morning, special)]
    letters += _bad_letters(world, 1)
    evening = Shift(runs=runs, orders=orders, letters=letters)
    return Plan(morning=morning, noon=tickets.made, evening=evening, expected=world.expected)


def _good_letters(world: World, count: int) -> list[Letter]:
    """Operations that arrive in structured mode."""
    letters = []
    for _ in range(count):
        user, machine = world.random.choice(world.owing), world.random.choice(world.machines)
        run = Run(
            id=world.new_id("letter"),
            kind="solving",
            user=user,
            machine=machine.id,
            payer=user,
            lines=world.random.randrange(1, 500),
            finished_at=world.some_time_ago(),
        )
        letters.append(_as_letter(run))
        world.expected.recorded("solving")
        world.expected.books.charge(user, Computing(world).cost(run))
    return letters


def _unknown_for_ever(world: World) -> list[Letter]:
    """Operations that wait in vain: they are rejected when the ledger has waited long enough."""
    user, machine = world.owing[0], world.machines[0].id
    letters = []
    for operation_user, of_machine in ((_NOBODY, machine), (user, _NOBODY)):
        solving = {
            "type": "solving",
            "operation_user": operation_user,
            "machine": of_machine,
            "count_of_lines": 10,
        }
        event_id = world.new_id("letter")
        letters.append(structured(TRAINING_OPERATIONS, TRAINING_SERVICE, event_id, operation_user, solving))
        world.expected.rejected("solving", "unknown_reference")
    return letters


def _bad_letters(world: World, rounds: int) -> list[Letter]:
    """Every mistake, so many times."""
    letters = []
    for _ in range(rounds):
        number = int(world.new_id("mistake").partition("-")[2])
        user, machine = world.random.choice(world.prepaid), world.random.choice(world.machines).id
        for mistake in mistakes(number, user, machine):
            letters.append(mistake.letter)
            world.expected.parked(mistake.kind, mistake.code)
    return letters


def _repeated(world: World, morning: Shift, count: int) -> list[Letter]:
    """Runs of the morning once more, now in structured mode: that is the same operation."""
    runs = world.random.sample(_without_holds(morning), count)
    for run in runs:
        world.expected.repeated(run.kind)
    return [_as_letter(run) for run in runs]


def _in_conflict(world: World, morning: Shift, count: int) -> list[Letter]:
    """Other operations under ids of the morning."""
    letters = []
    for order in world.random.sample([it for it in morning.orders if it.amount], count):
        payload = {**_payload(marketplace_service.operation_of(order)), "amount": "123456.00"}
        letters.append(structured(MARKETPLACE_OPERATIONS, MARKETPLACE_SERVICE, order.id, order.user, payload))
        world.expected.parked(order.kind, "conflict")
    for run in world.random.sample(_without_holds(morning), count):
        payload = {**_payload(training_service.operation_of(run)), "count_of_lines": run.lines + 1}
        letters.append(structured(TRAINING_OPERATIONS, TRAINING_SERVICE, run.id, run.payer, payload))
        world.expected.parked(run.kind, "conflict")
    return letters


def _without_holds(shift: Shift) -> list[Run]:
    return [run for run in shift.runs if run.hold is None]


def _as_letter(run: Run) -> Letter:
    payload = _payload(training_service.operation_of(run))
    return structured(TRAINING_OPERATIONS, TRAINING_SERVICE, run.id, run.payer, payload)


def _payload(operation: Operation) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(encode(operation))
    return payload
