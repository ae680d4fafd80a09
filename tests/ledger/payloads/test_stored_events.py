"""Every event that the engine writes keeps its contract, and every event that was ever stored still loads."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.utils import timezone

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from events.models import WaitingMessage
from events.upcasting import UnknownEvent
from ledger import payloads
from ledger.engine.posting import post
from ledger.engine.submission import Submission
from ledger.expiry import sweep_overdue
from ledger.imports.legacy_billing import import_legacy_billing
from ledger.imports.opening_balances import import_opening_balances
from ledger.intake import waiting
from ledger.intake.messages import handle
from ledger.orm import link_entries
from ledger.payloads import CONTRACTS
from models import ConsultingRequest, Entry, Machine, Team, User
from tests import builders as make
from tests import commands as do
from tests import months
from tests.builders import make_machine, make_user, post_one, recorded
from tests.ledger.intake.test_control_totals import total

pytestmark = pytest.mark.django_db(transaction=True)

LINES = 10_000  # of a solving: one token


def stored() -> list[StoredEvent]:
    """Return every event of the log."""
    return list(store.read_all(upto=2**62))


def append_facts_and_imports(user: User, machine: Machine, folder: Path) -> None:
    """Append the events that no submission of a command leads to."""
    request = ConsultingRequest.objects.create(user=user, category="4")
    request.ask_consultant(make_user(), amount_usd=2, delay_days=1)
    request.approve()
    request.split(1)
    operation = recorded(make.solving(machine, user=user, lines=LINES))
    entry = Entry.objects.filter(user=user, currency="USD", side="C").latest("id")
    link_entries(operation_id=UUID(operation.id), links={"credit": entry.pk})
    leaving = make_user()
    make_machine(leaving)
    leaving.delete()
    billing = folder / "billing.csv"
    billing.write_text(
        f"id,Operation_User,OperationIsTraining,TrainingCostMachineUSD\n1,{user.pk},true,1.5\n"
    )
    import_legacy_billing(billing, now=timezone.now())
    opening = folder / "opening.csv"
    columns = "user_id,user_balance,user_ixioo_balance,coupon_balance,due_usd,due_eaml"
    opening.write_text(f"{columns}\n{make_user().pk},1,2,3,4,5\ntotal:1,1,2,3,4,5\n")
    import_opening_balances(opening, now=timezone.now())
    handle([total({"kind": "solving", "count": 3, "count_of_lines": 5, "amount": "1"})], lambda _cursor: None)
    WaitingMessage.objects.update(deadline=timezone.now())
    waiting.sweep()


def commands(user: User, machine: Machine) -> Iterator[Submission]:
    """Yield a command of every kind, with every result that shows in its event."""
    poor = make_user()
    yield make.top_up(poor, 3)
    yield make.training(machine, user=user, lines=2000)
    yield make.solving(machine, user=poor, lines=LINES)
    yield make.solving_with_api(machine, user=user)
    yield make.api_market(machine, user=user)
    yield make.data_source(machine, user=user)
    yield make.machine_copy(machine, user=poor)
    yield make.copy_update(machine, user=user)
    yield do.create_code("WELCOME", 2, valid_days=30, redeem_until=timezone.now() + timedelta(days=1))
    yield do.redeem("WELCOME", user=user)
    yield do.withdraw_code("WELCOME")
    yield do.grant(user, 1, kinds=("pay_a_bill",), priority=1)
    yield make.bill(user, 4)
    yield do.adjust(user, "coupon", "-0.5")
    yield do.adjust(user, "due:eaml", 2)
    yield do.limit(user, 5)
    yield do.limit(user, None)
    first, second, third = (str(uuid4()) for _ in range(3))
    yield do.place(machine, user=user, lines=2 * LINES, hold=first)
    yield do.place(machine, user=user, lines=LINES, hold=second)
    yield do.place(machine, user=poor, lines=LINES, hold=third)
    yield do.place(machine, user=user, kind="training", lines=10, hold=third)
    yield do.capture(first, lines=LINES, final=False)
    yield do.capture(first, lines=2 * LINES)
    yield do.capture(first, lines=1)
    yield do.void(second)
    yield do.request_payout(user, 2, payout=first)
    yield do.request_payout(user, 2, payout=second)
    yield do.pay(first, reference="po_1")
    yield do.fail(second)
    payment = make.top_up(user, 4, reference="pi_1")
    yield payment
    yield do.charge_back(reference="pi_1", value=5)
    paid = post_one(payment).event
    assert paid is not None
    yield do.adjust(user, "due:usd", 1, about=paid.id)


def post_follow_ups(user: User, machine: Machine) -> None:
    """Post reversals, resolved proposals and expiries, and close and reopen a month."""
    copy = recorded(make.machine_copy(machine, user=user))
    bill = recorded(make.bill(user, 1))
    post([do.reverse(copy.id, 2), do.reverse(copy.id), do.reverse(bill.id), do.reverse(copy.id)])
    proposals = [recorded(do.adjust(user, "usd", 1001)) for _ in range(2)]
    recorded(do.approve(proposals[0].id))
    recorded(do.decline(proposals[1].id))
    team = Team.objects.create(name="cheap", admin_user=user)
    for whose in ({"user": user}, {"team": team.pk}):
        tariff = recorded(
            do.propose_tariff(**whose, bands={"solving": [{"above": 1, "unit_price": "0.00005000"}]})
        )
        recorded(do.approve(tariff.id, subject="tariff"))
    recorded(make.solving(machine, user=user, lines=2))
    soon = timezone.now() + timedelta(minutes=1)
    recorded(do.grant(user, 1, expires_at=soon, priority=0))
    paid = recorded(make.bill(user, "0.5"))
    recorded(do.place(machine, user=user, lines=LINES, expires_at=soon))
    post([make.solving(machine, user=user), do.reverse(paid.id)], clock=lambda: soon)
    recorded(do.adjust(user, "usd", 1001))
    sweep_overdue(now=timezone.now() + timedelta(days=8))
    months.close(months.LAST)
    recorded(make.top_up(make_user(), 1, at=months.in_month(months.LAST)))
    months.change("reopen", months.LAST)


@pytest.fixture
def everything(user: User, machine: Machine, tmp_path: Path) -> list[StoredEvent]:
    """A log with every type of event."""
    for submission in commands(user, machine):
        assert post_one(submission).event is not None, submission
    post_follow_ups(user, machine)
    append_facts_and_imports(user, machine, tmp_path)
    return stored()


def test_every_event_that_the_engine_writes_keeps_its_contract(everything: list[StoredEvent]) -> None:
    """Contracts forbid unknown fields, so a new field has to be added to its contract."""
    for event in everything:
        payloads.parse(event)
    assert {event.type for event in everything} == {type_ for type_, _ in CONTRACTS}


def test_no_field_of_a_contract_is_never_written(everything: list[StoredEvent]) -> None:
    """A field that is in a contract but never written could disappear unnoticed."""
    written = {name for event in everything for name in event.data}
    assert {name for model in CONTRACTS.values() for name in model.model_fields} == written


def test_event_without_a_contract_is_not_appended() -> None:
    """An event of an unknown type or version could never be read again."""
    before = make.counts()
    event = StoredEvent(
        position=1,
        id=uuid7(),
        stream="user:1",
        type="user.closed",
        schema_version=1,
        data={"user": 1},
        metadata={},
        occurred_at=datetime.now(UTC),
        recorded_at=datetime.now(UTC),
    )
    with connection.cursor() as cursor:
        for changes in ({"type": "user.renamed"}, {"schema_version": 2}):
            with pytest.raises(UnknownEvent):
                store.append(cursor, [replace(event, **changes)])
    assert make.counts() == before


def test_event_of_a_newer_ledger_stops_reading(user: User) -> None:
    """Skipping the event would lose it."""
    (event, *_) = stored()
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_event (id, stream, type, schema_version, data, metadata,
                                         occurred_at, recorded_at)
               values (%s, 'user:1', 'user.closed', 2, '{}', '{}', now(), now())""",
            [uuid7()],
        )
    with pytest.raises(UnknownEvent, match=r"user\.closed of version 2"):
        stored()
    with connection.cursor() as cursor:
        assert store.get(cursor, [event.id]) == {event.id: event}


def test_every_type_and_version_has_an_example_that_loads() -> None:
    """An example is written by hand or copied from the log, and never changed afterwards."""
    examples = dict(payloads.fixtures())
    assert {(event.type, event.schema_version) for event in examples.values()} == set(CONTRACTS)
    for name, event in examples.items():
        payloads.parse(event)
        assert name.startswith(f"{event.type}.v{event.schema_version}")


def test_examples_are_read_as_they_were_stored() -> None:
    """An old row is read through the database and converted to the current version of its type."""
    for name, event in payloads.fixtures():
        with connection.cursor() as cursor:
            cursor.execute(
                """select %s::bigint, %s::uuid, %s, %s, %s::int, %s::jsonb::text, %s::jsonb::text,
                          %s::timestamptz, %s::timestamptz""",
                [
                    event.position,
                    event.id,
                    event.stream,
                    event.type,
                    event.schema_version,
                    json.dumps(event.data),
                    json.dumps(event.metadata),
                    event.occurred_at,
                    event.recorded_at,
                ],
            )
            read = store._event(cursor.fetchone())
        assert (read.type, read.position) == (event.type, event.position), name
        payloads.parse(read)
