"""`verify` reports every change of balances, kept state and read models with its row and column."""

import pytest

from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState
from projections.projection import Table
from tests import months
from tests.projections import world as worlds
from tests.projections.world import World

_KEPT = {table.name: table for table in KeptState.tables}


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("balance", "balance + 1"),
        ("held", "0.00000001"),
        ("version", "version + 1"),
        ("position", "position + 1"),
        ("recorded_at", "recorded_at - interval '1 microsecond'"),
        ("credit_limit", "7"),
        ("kind", "'user:eaml'"),
        ("currency", "'EAML'"),
        ("normal_side", "'D'"),
        ("user_id", "user_id + 1"),
    ],
)
def test_a_changed_column_of_an_account_is_reported(world: World, column: str, value: str) -> None:
    """There is no other mismatch."""
    code = f"user:{world.buyer.pk}:usd"
    worlds.corrupt(f"update ledger_account set {column} = {value} where code = %s", code)
    (found,) = worlds.mismatches()
    assert found.startswith(f"account {code}: ledger_account.{column}: expected ")


@pytest.mark.parametrize("code", ["user:{buyer}:usd", "platform:losses:usd"])
def test_a_deleted_account_is_reported(world: World, code: str) -> None:
    """It may be a user's or the platform's."""
    name = code.format(buyer=world.buyer.pk)
    worlds.corrupt("delete from ledger_account where code = %s", name)
    assert f"account {name}: ledger_account: expected a row, found no row" in worlds.mismatches()


def test_a_balance_on_a_platform_account_is_reported(world: World) -> None:
    """Their balances are only in a projection."""
    worlds.corrupt("update ledger_account set balance = 1 where code = 'treasury:eaml'")
    assert worlds.mismatches() == [
        "account treasury:eaml: ledger_account.balance: expected 0.00000000, found 1.00000000",
    ]


def test_an_account_outside_the_chart_is_reported(world: World) -> None:
    """Nothing can be posted to it."""
    worlds.corrupt("update ledger_account set code = 'user:x:gold' where code = 'platform:losses:eaml'")
    assert (
        "account user:x:gold: ledger_account.code: expected an account of the chart, found user:x:gold"
        in (worlds.mismatches())
    )


@pytest.mark.parametrize("column", ["user_balance", "user_ixioo_balance", "coupon_balance"])
def test_a_changed_balance_on_a_user_is_reported(world: World, column: str) -> None:
    """Each of the three is compared."""
    worlds.corrupt(f"update models_user set {column} = {column} + 1 where id = %s", world.debtor.pk)
    (found,) = worlds.mismatches()
    assert found.startswith(f"user {world.debtor.pk}: models_user.{column}: expected ")


@pytest.mark.parametrize(
    ("column", "change"),
    [
        ("owner_id", "machine_owner_user_id = machine_owner_user_id + 1"),
        ("columns", "dfr_columns_type_user_df = '{}'"),
        ("data_source_is_public", "machine_data_source_is_public = not machine_data_source_is_public"),
        ("data_source_price", "machine_data_source_price_usd = null"),
        ("api_solving_is_public", "machine_api_solving_is_public = not machine_api_solving_is_public"),
        ("api_solving_price", "machine_api_solving_price_usd = 7"),
        ("copy_price", "machine_copy_price_usd = 7"),
        ("copy_update_price", "machine_copy_update_price_usd = 7"),
    ],
)
def test_a_machine_that_differs_from_its_newest_terms_is_reported(
    world: World, column: str, change: str
) -> None:
    """Otherwise one price would be shown and another one charged."""
    worlds.corrupt(f"update models_machine set {change} where id = %s", world.machine.pk)
    (found,) = worlds.mismatches()
    assert found.startswith(f"machine {world.machine.pk}: ledger_machine_terms.{column}: expected ")


def test_terms_that_are_missing_or_not_in_force_are_reported(world: World) -> None:
    """A machine without terms cannot be charged for, and those of the future are not charged yet."""
    machine = world.machine.pk
    worlds.corrupt(
        "update ledger_machine_terms set effective_from = '2199-01-01' where machine_id = %s", machine
    )
    (found,) = worlds.mismatches()
    assert found.startswith(f"machine {machine}: ledger_machine_terms.effective_from: expected ")
    worlds.corrupt("delete from ledger_machine_terms where machine_id = %s", machine)
    assert worlds.mismatches() == [
        f"machine {machine}: ledger_machine_terms.machine_id: expected {machine}, found NULL"
    ]


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("ledger_grant", "remaining = remaining + 1"),
        ("ledger_grant", "expires_at = now()"),
        ("ledger_hold", "state = 'open'"),
        ("ledger_hold", 'kept = kept || \'{"remaining": "9.00000000"}\''),
        ("ledger_reversed", 'kept = kept || \'{"amount": "0.00000000"}\''),
        ("ledger_coupon_code", "redemptions = redemptions + 1"),
        ("ledger_remaining", "remaining = remaining + 1"),
        ("ledger_period", "state = 'open'"),
        ("ledger_period", "settled = settled + 1"),
    ],
)
def test_changed_kept_state_is_reported(world: World, table: str, change: str) -> None:
    """The mismatch has the key and the column."""
    key = _KEPT[table].key[0]
    least = f"(select min({key}::text) from {table})"
    if table == "ledger_hold":
        least = f"(select min({key}::text) from {table} where state = 'voided')"
    worlds.corrupt(f"update {table} set {change} where {key}::text = {least}")
    column = change.partition(" ")[0]
    (found,) = worlds.mismatches()
    assert found.startswith(f"projection state, {table} {key}=")
    assert f": {column}: expected " in found


@pytest.mark.parametrize("table", sorted(_KEPT))
def test_deleted_kept_state_is_reported(world: World, table: str) -> None:
    """Each row has a mismatch."""
    with worlds.without_triggers() as cursor:
        cursor.execute(f"delete from {table}")
        lost = cursor.rowcount
    found = worlds.mismatches()
    assert len(found) == lost > 0
    assert all(line.startswith(f"projection state, {table} ") for line in found)
    assert all(line.endswith(": row: expected one, found none") for line in found)


@pytest.mark.parametrize(
    ("name", "table"),
    [(projection.name, table) for projection in PROJECTIONS for table in projection.tables],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_changed_read_model_is_reported(world: World, name: str, table: Table) -> None:
    """Changed, deleted and added rows are reported."""
    keys = ", ".join(f'"{key}"' for key in table.key)
    first = f"({keys}) = (select {keys} from {table.name} where {table.only} order by {keys} limit 1)"
    numeric = {
        "platform": "debits",
        "revenue": "amount",
        "activity": "rejected",
        "billing": '"CreditFromUser"',
        "tariff_uses": "operations",
    }[name]
    worlds.corrupt(f"update {table.name} set {numeric} = coalesce({numeric}, 0) + 1 where {first}")
    (found,) = worlds.mismatches()
    assert found.startswith(f"projection {name}, {table.name} {table.key[0]}=")
    assert f": {numeric.strip(chr(34))}: expected " in found
    worlds.corrupt(f"delete from {table.name} where {first}")
    (found,) = worlds.mismatches()
    assert found.endswith(": row: expected one, found none")


@pytest.mark.parametrize("column", ["debits", "credits", "balance"])
def test_a_changed_frozen_balance_is_reported(world: World, column: str) -> None:
    """The mismatch has the month and the account, and there is no other one."""
    del world
    worlds.corrupt(
        f"""update ledger_period_balance set {column} = {column} + 1
            where account_id = (select id from ledger_account where code = 'clearing:payments:usd')"""
    )
    (found,) = worlds.mismatches()
    where = f"period {months.LAST}, account clearing:payments:usd"
    assert found.startswith(f"{where}: ledger_period_balance.{column}: expected ")


def test_a_deleted_frozen_balance_is_reported(world: World) -> None:
    """So is a frozen balance of an open month."""
    del world
    worlds.corrupt("delete from ledger_period_balance where account_id < 1000")
    (found,) = worlds.mismatches()
    where = f"period {months.LAST}, account clearing:payments:usd"
    assert found == f"{where}: ledger_period_balance: expected a row, found no row"
    worlds.corrupt("insert into ledger_period_balance values ('2026-01', 10, 1, 0, 1)")
    assert (
        "period 2026-01, account clearing:payments:usd: ledger_period_balance: expected no row, found a row"
        in worlds.mismatches()
    )


def test_changed_totals_of_a_closing_are_reported(world: World) -> None:
    """The totals in the log and in the table are changed alike, but differ from the entries."""
    del world
    month = months.LAST
    path = f"{{periods,{month},totals,0,debits}}"
    worlds.corrupt(
        """update events_event set data = jsonb_set(data, %s, '"7.00000000"')
           where type = 'period.closed'""",
        path,
    )
    worlds.corrupt("update ledger_period set kept = jsonb_set(kept, '{totals,0,debits}', '\"7.00000000\"')")
    (found,) = worlds.mismatches()
    assert found.startswith(f"period {month} (event ")
    assert ": totals of " in found
    assert found.endswith("credited, found 7.00000000 debited, 0.00000000 credited")


@pytest.mark.parametrize(
    ("change", "of"),
    [
        ("data - 'effective_at'", "data ? 'effective_at'"),
        ('data || \'{"effective_at": "2026-01-01T00:00:00+00:00"}\'', "data ->> 'kind' = 'training'"),
    ],
)
def test_event_that_counts_in_the_wrong_period_is_reported(world: World, change: str, of: str) -> None:
    """It is late without the mark of a late event, or the reverse; its rows are reported too."""
    del world
    worlds.corrupt(f"update events_event set data = {change} where {of}")
    found = worlds.mismatches()
    assert any(": effective_at: expected " in line for line in found)
    assert any("models_entry.effective_at" in line for line in found)
