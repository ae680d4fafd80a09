"""`verify` reports every change of the log, and of the keys, notes and triggers that belong to it."""

import re

import pytest
from django.db import connection

from tests.projections import world as worlds
from tests.projections.world import World

REFERENCES = r"projection state, ledger_payment_reference digest=\w+: \w+: expected .*"


def _set(world: World, path: str, value: str) -> list[str]:
    """Change one value of the sale's event, and return the mismatches."""
    worlds.corrupt(
        "update events_event set data = jsonb_set(data, %s::text[], %s::jsonb) where id = %s",
        path,
        value,
        world.sale.id,
    )
    return worlds.mismatches()


def test_a_changed_amount_of_a_transfer_is_reported(world: World) -> None:
    """Accounts, entries and read models differ from it."""
    buyer, position = world.buyer.pk, world.sale.position
    found = _set(world, "{transfers,0,amount}", '"4.50000000"')
    for user in (buyer, world.seller.pk):
        where = f"event {position}: accounts.user:{user}:usd.balance: expected "
        assert any(line.startswith(where) for line in found)
    for entry in (position * 1000, position * 1000 + 1):
        where = f"entry {entry} (event {position}), operation {world.sale.id}: models_entry.amount: expected "
        assert f"{where}4.50000000, found 4.00000000" in found
    assert any(f"operation_position={position}: MachineCopyIncomeUSD" in line for line in found)


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("balance", '"1234.00000000"', r"[0-9.]+"),
        ("held", '"0.00000001"', "0.00000000"),
        ("version", "99", r"\d+"),
    ],
)
def test_a_changed_state_of_an_account_is_reported(
    world: World, name: str, value: str, expected: str
) -> None:
    """The mismatch names the event."""
    account = f"user:{world.buyer.pk}:usd"
    found = _set(world, f"{{accounts,{account},{name}}}", value)
    wanted = rf"event {world.sale.position}: accounts\.{account}\.{name}: expected {expected}.*"
    assert any(re.fullmatch(wanted, line) for line in found), found


def test_a_transfer_between_a_forbidden_pair_of_accounts_is_reported(world: World) -> None:
    """Only the pairs of the operation's kind are allowed."""
    found = _set(world, "{kind}", '"training"')
    assert f"event {world.sale.position}: transfers[1]: expected an amount and a pair of training" in found[0]
    assert any("models_operation.kind: expected training, found machine_copy" in line for line in found)


def test_an_account_that_is_missing_in_an_event_is_reported(world: World) -> None:
    """The event has the state of every account that a transfer touches."""
    account = f"user:{world.seller.pk}:usd"
    path = f"{{accounts,{account}}}"
    worlds.corrupt("update events_event set data = data #- %s::text[] where id = %s", path, world.sale.id)
    where = f"event {world.sale.position}: accounts.{account}"
    assert f"{where}: expected its state after the event, found NULL" in worlds.mismatches()


@pytest.mark.parametrize(
    "data",
    [
        "[]",
        "{}",
        '{"kind": 5}',
        '{"kind": "training", "command": {}, "accounts": {}, "transfers": 7}',
        "null",
    ],
)
def test_an_event_that_cannot_be_read_is_reported(world: World, data: str) -> None:
    """`verify` continues with the next event."""
    worlds.corrupt("update events_event set data = %s::jsonb where id = %s", data, world.sale.id)
    found = worlds.mismatches()
    assert any(
        line.startswith(f"event {world.sale.position}: data: expected a readable event") for line in found
    )
    assert any(line.startswith(f"operation {world.sale.id} ") for line in found)


@pytest.mark.parametrize("change", ["type = 'operation.recordet'", "schema_version = 99"])
def test_an_event_of_an_unknown_type_or_version_is_reported(world: World, change: str) -> None:
    """The mismatch has the type or version."""
    worlds.corrupt(f"update events_event set {change} where id = %s", world.sale.id)
    found = worlds.mismatches()
    assert found[0].startswith(f"event {world.sale.position}: data: expected a readable event, found Unknown")
    assert any(line.startswith(f"operation {world.sale.id} ") for line in found)


def test_a_time_that_goes_backwards_is_reported(world: World) -> None:
    """Events of a user are recorded in the order of their positions."""
    worlds.corrupt(
        "update events_event set recorded_at = recorded_at - interval '1 day' where id = %s", world.sale.id
    )
    found = worlds.mismatches()
    assert any(line.startswith(f"event {world.sale.position}: recorded_at: expected ") for line in found)
    assert any("models_operation.recorded_at: expected " in line for line in found)


def test_a_deleted_event_is_reported_by_the_rows_that_remain(world: World) -> None:
    """They are its operation, entries and key, and the balances after it."""
    worlds.corrupt("delete from events_event where id = %s", world.sale.id)
    found = worlds.mismatches()
    position, buyer = world.sale.position, f"user:{world.buyer.pk}:usd"
    for wanted in (
        rf"operation {world.sale.id} \(event {position}\): models_operation: expected no row, found a row",
        rf"entry {position * 1000} .*: models_entry: expected no row, found a row",
        rf"key .*: expected the event that names this key, found event {world.sale.id}, which is none",
        rf"event \d+: accounts\.{buyer}\.balance: .*",
    ):
        assert any(re.fullmatch(wanted, line) for line in found), wanted


def test_a_deleted_end_of_the_log_is_reported(world: World) -> None:
    """Settled events must exist."""
    worlds.corrupt("delete from events_event where position > %s", world.sale.position)
    assert worlds.mismatches()[0].startswith(
        f"events_settled: position: expected at most {world.sale.position}, the last event, found ",
    )


def test_a_rejection_with_transfers_is_reported(world: World) -> None:
    """A rejection has no transfers."""
    worlds.corrupt(
        """update events_event set data = jsonb_set(data, '{transfers}',
               (select data -> 'transfers' from events_event where id = %s)) where id = %s""",
        world.bill.id,
        world.rejection.id,
    )
    expected = f"event {world.rejection.position}: transfers: expected none in operation.rejected, found 2"
    assert expected in worlds.mismatches()


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        ("delete from events_key where event_id = %s", "events_key: expected a key {key}, found no row"),
        (
            "update events_key set fingerprint = '\\x01ff' where event_id = %s",
            "key {key}: events_key.fingerprint: expected ",
        ),
        (
            "update events_key set event_id = gen_random_uuid() where event_id = %s",
            "key {key}: events_key.event_id: expected {id}, found ",
        ),
    ],
)
def test_a_key_that_differs_from_its_event_is_reported(world: World, statement: str, what: str) -> None:
    """Each key belongs to an event, and each event to its key."""
    worlds.corrupt(statement, world.sale.id)
    metadata = world.sale.metadata
    wanted = what.format(key=f"{metadata['source']} {metadata['request_id']}", id=world.sale.id)
    found = worlds.mismatches()
    assert found[0].startswith(f"event {world.sale.position}")
    assert wanted in found[0]


def test_a_key_without_an_event_is_reported(world: World) -> None:
    """A sender of that key would get the answer of an operation that does not exist."""
    worlds.corrupt(
        """insert into events_key
           values ('/services/tests', 'forged', '\\x01', %s), ('/x', 'y', '\\x01', gen_random_uuid())""",
        world.sale.id,
    )
    found = worlds.mismatches()
    expected = "events_key.event_id: expected the event that names this key, found"
    assert found[0] == f"key /services/tests forged: {expected} event {world.sale.position} of another key"
    assert found[1].startswith(f"key /x y: {expected} event ")
    assert len(found) == 2


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "update events_note set text = 'another payment'",
            r"event \d+, note \w+: events_note.text: .*|" + REFERENCES,
        ),
        (
            "delete from events_note",
            r"event \d+, note \w+: events_note: expected a row, found no row|" + REFERENCES,
        ),
        ("delete from ledger_payment_reference", REFERENCES),
        ('update ledger_payment_reference set payments = \'{"default": "x"}\'', REFERENCES),
        (
            'update ledger_tariff set terms = terms || \'{"commission_rate": "0.1"}\'',
            r"tariff 1 \(event 1\): ledger_tariff.terms: expected .*",
        ),
        (
            "update ledger_tariff set effective_from = now()",
            r"tariff 1 \(event 1\): ledger_tariff.effective_from: expected .*",
        ),
        (
            "insert into ledger_tariff select 2, now(), now(), terms from ledger_tariff",
            r"tariff 2: ledger_tariff: expected no row, found a row",
        ),
        ("delete from ledger_tariff", r"tariff 1 \(event 1\): ledger_tariff: expected a row, found no row"),
        ("delete from events_settled", r"events_settled: row: expected one, found none"),
        (
            "update events_checkpoint set position = position + 5 where name = 'projection:revenue'",
            r"projection revenue: events_checkpoint.position: expected at most \d+, the settled position, .*",
        ),
    ],
)
def test_changed_notes_tariffs_and_positions_are_reported(
    world: World, statement: str, expected: str
) -> None:
    """Each change is reported with its table."""
    with worlds.without_triggers() as cursor:
        cursor.execute(statement)
        assert cursor.rowcount > 0
    found = worlds.mismatches() if "ledger_tariff" not in statement else _without_prices()
    assert found
    assert all(re.fullmatch(expected, line) for line in found), found


def _without_prices() -> list[str]:
    """Return the mismatches except those of prices in the legacy table."""
    return [line for line in worlds.mismatches() if not line.startswith("projection billing")]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "alter table models_entry disable trigger ledger_guard_entry",
            "table models_entry: trigger ledger_guard_entry: expected enabled, found disabled",
        ),
        (
            "alter table events_event enable replica trigger append_only_rows",
            "table events_event: trigger append_only_rows: expected enabled, found enabled in replicas only",
        ),
        (
            "drop trigger append_only_truncate on events_key",
            "table events_key: trigger append_only_truncate: expected enabled, found missing",
        ),
        (
            """create or replace function events_refuse_change() returns trigger language plpgsql
               as $$ begin return new; end $$""",
            "function events_refuse_change: source: expected the one of this version, found another one",
        ),
    ],
)
def test_a_disabled_trigger_is_reported(world: World, statement: str, expected: str) -> None:
    """It may be disabled, dropped, or its function replaced."""
    with connection.cursor() as cursor:
        cursor.execute("set constraints all immediate")  # a table with pending triggers cannot be altered
        cursor.execute(statement)
    assert worlds.mismatches() == [expected]
