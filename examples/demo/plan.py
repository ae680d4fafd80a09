"""Plans the load of the demo: the work of each service in the morning, at noon and in the evening."""

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
from examples.careless_service import RawMessage
from examples.catalogue import Catalogue
from examples.customer_service import Ticket
from examples.demo.expectation import Expectation, World
from examples.demo.finance_tickets import FinancePlanner
from examples.demo.orders import OrderPlanner
from examples.demo.raw_messages import mistakes, structured
from examples.demo.runs import RunPlanner
from examples.demo.support_tickets import SupportPlanner
from examples.demo.tickets import Tickets
from examples.marketplace_service import Order
from examples.training_service import Run

UNKNOWN_ID = 999_001
"""The id of a user, and of a machine, that the ledger never gets to know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Workload:
    """The work of the three services, each in this order."""

    runs: list[Run]
    orders: list[Order]
    messages: list[RawMessage]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole load. In the morning some users and machines join; after noon some prices change."""

    morning: Workload
    noon: list[Ticket]
    evening: Workload
    expected: Expectation


def make_plan(catalogue: Catalogue, *, seed: int, operations: int) -> Plan:
    """Return a load of about this many operations. Equal seeds give equal loads, except for times."""
    world = World(catalogue, seed)
    run_planner, order_planner = RunPlanner(world), OrderPlanner(world)
    each = max(operations // 4, 10)
    special = max(operations // 100, 6)

    orders = [*order_planner.opening(), *order_planner.before_they_join()]
    orders += [*order_planner.ordinary(each), *order_planner.rejected(special)]
    runs = [*run_planner.ordinary(each), *run_planner.with_holds(max(special // 2, 4))]
    runs = run_planner.shuffled([*runs, *run_planner.above_the_credit_limit(special // 2)])
    runs = [*run_planner.before_they_join(), run_planner.on_credit(), *runs]
    messages = [*_never_known(world), *_valid_messages(world, special), *_invalid_messages(world, 2)]
    morning = Workload(runs=runs, orders=orders, messages=messages)

    tickets = Tickets(world)
    SupportPlanner(world, tickets).plan()
    FinancePlanner(world, tickets).plan()
    order_planner.prices_change()
    orders = [
        *order_planner.bills_of_debtors(),
        *order_planner.repriced(special * 2),
        *order_planner.ordinary(each),
    ]
    orders += order_planner.rejected(special)
    runs = [*run_planner.ordinary(each), *run_planner.with_holds(max(special // 2, 4))]
    runs = run_planner.shuffled([*runs, *run_planner.above_the_credit_limit(special // 2)])
    messages = [*_repeated(world, morning, special), *_conflicting(world, morning, special)]
    messages += _invalid_messages(world, 1)
    evening = Workload(runs=runs, orders=orders, messages=messages)
    return Plan(morning=morning, noon=tickets.all, evening=evening, expected=world.expected)


def _valid_messages(world: World, count: int) -> list[RawMessage]:
    """Return valid operations in structured mode."""
    messages = []
    for _ in range(count):
        user, machine = world.random.choice(world.owing), world.random.choice(world.machines)
        run = Run(
            id=world.new_id("message"),
            kind="solving",
            user=user,
            machine=machine.id,
            payer=user,
            lines=world.random.randrange(1, 500),
            finished_at=world.some_time_ago(),
        )
        messages.append(_as_message(run))
        world.expected.recorded("solving")
        world.expected.accounts.charge(user, RunPlanner(world).cost(run))
    return messages


def _never_known(world: World) -> list[RawMessage]:
    """Return operations that are rejected after waiting for an unknown user or machine."""
    user, machine = world.owing[0], world.machines[0].id
    messages = []
    for operation_user, of_machine in ((UNKNOWN_ID, machine), (user, UNKNOWN_ID)):
        solving = {
            "type": "solving",
            "operation_user": operation_user,
            "machine": of_machine,
            "count_of_lines": 10,
        }
        event_id = world.new_id("message")
        messages.append(structured(TRAINING_OPERATIONS, TRAINING_SERVICE, event_id, operation_user, solving))
        world.expected.rejected("solving", "unknown_reference")
    return messages


def _invalid_messages(world: World, rounds: int) -> list[RawMessage]:
    """Return every mistake this many times."""
    messages = []
    for _ in range(rounds):
        number = int(world.new_id("mistake").partition("-")[2])
        user, machine = world.random.choice(world.prepaid), world.random.choice(world.machines).id
        for mistake in mistakes(number, user, machine):
            messages.append(mistake.message)
            world.expected.parked(mistake.kind, mistake.code)
    return messages


def _repeated(world: World, morning: Workload, count: int) -> list[RawMessage]:
    """Return runs of the morning in structured mode: these are duplicates."""
    runs = world.random.sample(_without_holds(morning), count)
    for run in runs:
        world.expected.repeated(run.kind)
    return [_as_message(run) for run in runs]


def _conflicting(world: World, morning: Workload, count: int) -> list[RawMessage]:
    """Return other operations with ids of the morning."""
    messages = []
    for order in world.random.sample([it for it in morning.orders if it.amount], count):
        payload = {**_payload(marketplace_service.operation_of(order)), "amount": "123456.00"}
        messages.append(
            structured(MARKETPLACE_OPERATIONS, MARKETPLACE_SERVICE, order.id, order.user, payload)
        )
        world.expected.parked(order.kind, "conflict")
    for run in world.random.sample(_without_holds(morning), count):
        payload = {**_payload(training_service.operation_of(run)), "count_of_lines": run.lines + 1}
        messages.append(structured(TRAINING_OPERATIONS, TRAINING_SERVICE, run.id, run.payer, payload))
        world.expected.parked(run.kind, "conflict")
    return messages


def _without_holds(workload: Workload) -> list[Run]:
    return [run for run in workload.runs if run.hold is None]


def _as_message(run: Run) -> RawMessage:
    payload = _payload(training_service.operation_of(run))
    return structured(TRAINING_OPERATIONS, TRAINING_SERVICE, run.id, run.payer, payload)


def _payload(operation: Operation) -> dict[str, Any]:
    payload: dict[str, Any] = json.loads(encode(operation))
    return payload
