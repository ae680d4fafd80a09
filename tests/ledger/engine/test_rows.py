"""The rows of operations and entries are copies of their event, checked for each kind and field."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.db import connection

from events.store import read_all
from ledger.domain.entries import entries
from ledger.engine.posting import post
from ledger.engine.rows import entry_id
from ledger.engine.submission import Submission
from models import Machine, Operation, User
from models.billing import Entry
from models.posting import FLAGS
from tests import builders as make
from tests.builders import code_of, make_user, post_one, recorded, short

pytestmark = pytest.mark.django_db

KINDS: dict[str, tuple[Callable[[Machine, User], Submission], dict[str, str]]] = {
    "training": (lambda machine, user: make.training(machine, user=user, count_of_training_epoch=3), {}),
    "solving": (lambda machine, user: make.solving(machine, user=user), {"debit_ixioo": "0.1"}),
    "solving_with_api": (
        lambda machine, user: make.solving_with_api(machine, user=user),
        {"debit_ixioo": "0.12"},
    ),
    "solving_with_api_market": (
        lambda machine, user: make.api_market(machine, user=user, lines=100),
        {"debit": "0.8", "credit": "0.8"},
    ),
    "buy_data_source": (
        lambda machine, user: make.data_source(machine, user=user),
        {"debit": "2.4", "credit": "2.4"},
    ),
    "machine_copy": (
        lambda machine, user: make.machine_copy(machine, user=user),
        {"debit": "4", "credit": "4"},
    ),
    "machine_copy_update": (
        lambda machine, user: make.copy_update(machine, user=user),
        {"debit": "0.4", "credit": "0.4"},
    ),
    "credit_from_user": (lambda _, user: make.top_up(user, "12.5"), {"credit": "12.5"}),
    "pay_a_bill": (lambda _, user: make.bill(user, "2"), {"debit": "2", "credit_ixioo": "200"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_operation_row_agrees_with_its_event(kind: str, user: User, machine: Machine) -> None:
    """It has its one flag, user, machine, counts and times, and links to the entries on users' accounts."""
    submission, links = KINDS[kind]
    event = recorded(submission(machine, user))
    operation = Operation.objects.get(pk=event.id)
    assert [flag for flag in FLAGS if getattr(operation, flag)] == [f"is_{kind}_operation"]
    sent = event.data["command"]
    assert (operation.kind, operation.position) == (kind, event.position)
    assert (operation.operation_user, operation.recorded_operation_user_id) == (user, user.pk)
    on_machine = "machine" in sent
    assert operation.machine == (machine if on_machine else None)
    assert operation.machine_owner == (machine.machine_owner_user if on_machine else None)
    assert operation.recorded_machine_id == sent.get("machine")
    assert operation.recorded_machine_owner_id == event.data.get("machine_owner")
    assert operation.count_of_lines == sent.get("count_of_lines")
    assert operation.count_of_training_epoch == sent.get("count_of_training_epoch")
    assert (operation.occurred_at, operation.recorded_at) == (event.occurred_at, event.recorded_at)
    assert operation.effective_at == operation.occurred_at
    found = {name: getattr(operation, name) for name in ("credit", "debit", "credit_ixioo", "debit_ixioo")}
    # A training is owed by the owner, who has nothing: the debit is on what is due, and linked.
    wanted = {"debit_ixioo": "0.02"} if kind == "training" else links
    assert {name: short(entry.amount) for name, entry in found.items() if entry is not None} == wanted


@pytest.mark.parametrize("kind", KINDS)
def test_entry_rows_agree_with_their_event(kind: str, user: User, machine: Machine) -> None:
    """Entries are numbered within the operation and have the account's user, balance and version."""
    event = recorded(KINDS[kind][0](machine, user))
    rows = list(Entry.objects.filter(position=event.position).order_by("id"))
    lines = entries(event.data["transfers"], event.data["accounts"])
    with connection.cursor() as cursor:
        cursor.execute("select id, code, user_id from ledger_account")
        accounts = {row[0]: row[1:] for row in cursor.fetchall()}
    assert len(rows) == len(lines) == 2 * len(event.data["transfers"])
    for number, (row, line) in enumerate(zip(rows, lines, strict=True)):
        assert row.pk == entry_id(event.position, number)
        assert accounts[row.account_id] == (line.account, row.user_id)
        assert (row.transfer, row.side, row.currency) == (line.transfer, line.side, line.currency)
        assert f"{row.amount:.8f}" == line.amount
        assert (row.balance_after is None) == (row.user_id is None)
        assert row.balance_after is None or f"{row.balance_after:.8f}" == line.balance_after
        assert row.account_version == line.version
        assert (row.position, row.occurred_at, row.recorded_at) == (
            event.position,
            event.occurred_at,
            event.recorded_at,
        )


def test_rejected_operation_has_an_event_and_no_rows(machine: Machine) -> None:
    """The event has the reason and the balances that the decision was based on."""
    poor = make.fund(make_user(), usd=3)
    before = make.counts()
    outcome = post_one(make.machine_copy(machine, user=poor))
    assert code_of(outcome) == "insufficient_funds"
    after = make.counts()
    assert (after["models_operation"], after["models_entry"]) == (
        before["models_operation"],
        before["models_entry"],
    )
    assert after["events_event"] == before["events_event"] + 1
    assert outcome.event is not None
    assert outcome.event.data["transfers"] == []
    assert outcome.event.data["accounts"][f"user:{poor.pk}:usd"]["balance"] == "3.00000000"


def test_event_stores_its_sender_and_context(user: User) -> None:
    """The metadata has the source, key and actor, and the ids that lead to the cause."""
    context: dict[str, Any] = {
        "actor": "/services/tests",
        "correlation_id": "c-1",
        "causation_id": "c-2",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    }
    submission = make.top_up(user, "1", key='k\t\\N\n"ü', reference="pi_1")
    event = recorded(replace(submission, sender=replace(submission.sender, **context)))
    (stored,) = [each for each in read_all(upto=event.position) if each.id == event.id]
    assert stored.metadata == {"source": make.SOURCE, "request_id": 'k\t\\N\n"ü', **context}
    assert stored == event


def test_event_of_an_outcome_equals_the_stored_event(user: User, machine: Machine) -> None:
    """The event of the outcome is equal to the stored one in every field."""
    outcomes = post([submission(machine, user) for submission, _ in KINDS.values()])
    events = {outcome.event.id: outcome.event for outcome in outcomes if outcome.event is not None}
    last = max(event.position for event in events.values())
    stored = {event.id: event for event in read_all(upto=last, chunk=4) if event.id in events}
    assert stored == events
    positions = [event.position for event in events.values()]
    assert positions == sorted(positions)


RULES = {
    "ledger_account_held_within_balance": "ledger_account",
    "entry_one_per_side": "models_entry",
    "entry_one_per_account_version": "models_entry",
    "entry_amount_positive": "models_entry",
    "entry_side_known": "models_entry",
    "entry_currency_known": "models_entry",
    "operation_credit_linked_once": "models_operation",
    "operation_debit_linked_once": "models_operation",
    "operation_credit_ixioo_linked_once": "models_operation",
    "operation_debit_ixioo_linked_once": "models_operation",
    "events_note_once": "events_note",
    "events_settled_one_row": "events_settled",
    "user_user_balance_not_negative": "models_user",
    "user_user_ixioo_balance_not_negative": "models_user",
    "user_coupon_balance_not_negative": "models_user",
}


@pytest.mark.parametrize("name", RULES)
def test_constraint_of_the_database_has_its_name(name: str) -> None:
    """Code finds out by the name of a constraint or unique index which rule was broken."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select conrelid::regclass::text from pg_constraint where conname = %(name)s
               union select indrelid::regclass::text from pg_index
               where indexrelid = to_regclass(%(name)s)""",
            {"name": name},
        )
        assert cursor.fetchall() == [(RULES[name],)]
