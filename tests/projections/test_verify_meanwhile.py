"""`verify` on an empty ledger, with projections that are behind, and in two processes."""

import pytest
from django.db import connection

from ledger.engine.posting import post
from projections.account_replay import States
from projections.verification.guards import TRIGGERS
from projections.verification.row_check import RecordCheck
from tests import builders as make
from tests.projections import world as worlds


@pytest.mark.django_db
def test_projections_that_are_behind_are_no_mismatch() -> None:
    """They are compared with the log up to their own checkpoints."""
    world = worlds.build()
    assert worlds.mismatches() == []
    worlds.project()
    post([make.top_up(world.buyer, 5), make.machine_copy(world.machine, user=world.buyer)])
    worlds.settle()
    assert worlds.mismatches() == []


@pytest.mark.django_db
def test_an_empty_ledger_has_no_mismatch() -> None:
    """It has only the event of the first tariff."""
    result, found = worlds.verified()
    assert found == []
    assert (result.events, result.entries) == (1, 0)


@pytest.mark.django_db
def test_every_trigger_of_the_ledger_is_checked() -> None:
    """A migration that adds a trigger must add it to the list of `verify`."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select c.relname, t.tgname from pg_trigger t join pg_class c on c.oid = t.tgrelid
               where not t.tgisinternal""",
        )
        found = set(cursor.fetchall())
    assert found == {(table, name) for table, names in TRIGGERS.items() for name in names}


def test_states_do_not_depend_on_the_number_in_memory() -> None:
    """States that do not fit go to a file and are read again unchanged."""
    states = States(in_memory=1)
    for number in range(50):
        codes = [f"user:{number}:usd", f"user:{number % 7}:eaml"]
        used = states.use(codes)
        used[codes[0]].version = number
        used[codes[1]].version += 1
    assert sum(len(codes) for codes in states.codes(chunk=10)) == 57
    assert {code: state.version for code, state in states.peek(["user:49:usd", "user:3:eaml"]).items()} == {
        "user:49:usd": 49,
        "user:3:eaml": 7,
    }


@pytest.mark.django_db(transaction=True)
def test_two_processes_find_the_same_as_one() -> None:
    """They share a snapshot, and find mismatches in the log, rows and balances."""
    world = worlds.build()
    worlds.project()
    worlds.corrupt("update models_entry set amount = amount + 1 where id = %s", world.sale.position * 1000)
    worlds.corrupt("update ledger_account set held = 1 where code = %s", f"user:{world.debtor.pk}:usd")
    worlds.corrupt("update events_event set data = '[]' where id = %s", world.training.id)
    worlds.corrupt("delete from models_operation where id = %s", world.bill.id)
    one, found = worlds.verified(chunk=3)
    two, also_found = worlds.verified(chunk=3, in_two=True)
    assert len(found) > 5
    assert sorted(also_found) == sorted(found)
    assert two == one


@pytest.mark.django_db(transaction=True)
def test_a_process_that_dies_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result is not reported as correct."""

    def die(self: object, events: object, upto: object) -> None:
        raise SystemExit(3)

    monkeypatch.setattr(RecordCheck, "check", die)
    with pytest.raises(EOFError):
        worlds.verified(in_two=True)
