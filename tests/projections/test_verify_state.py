"""Whatever is changed in balances, kept state or read models, `verify` names the row and the column."""

import pytest

from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState
from projections.projection import Table
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
def test_a_changed_column_of_an_account_is_named(world: World, column: str, value: str) -> None:
    """And nothing else is."""
    code = f"user:{world.buyer.pk}:usd"
    worlds.corrupt(f"update ledger_account set {column} = {value} where code = %s", code)
    (found,) = worlds.mismatches()
    assert found.startswith(f"account {code}: ledger_account.{column}: expected ")


@pytest.mark.parametrize("code", ["user:{buyer}:usd", "platform:losses:usd"])
def test_a_lost_account_is_named(world: World, code: str) -> None:
    """A user's, or one of the chart's."""
    name = code.format(buyer=world.buyer.pk)
    worlds.corrupt("delete from ledger_account where code = %s", name)
    assert f"account {name}: ledger_account: expected a row, found no row" in worlds.mismatches()


def test_a_balance_on_a_platform_account_is_named(world: World) -> None:
    """They store none: a projection sums them."""
    worlds.corrupt("update ledger_account set balance = 1 where code = 'treasury:eaml'")
    assert worlds.mismatches() == [
        "account treasury:eaml: ledger_account.balance: expected 0.00000000, found 1.00000000",
    ]


def test_an_account_that_the_chart_does_not_have_is_named(world: World) -> None:
    """Nothing could ever be posted to it."""
    worlds.corrupt("update ledger_account set code = 'user:x:gold' where code = 'platform:losses:eaml'")
    assert (
        "account user:x:gold: ledger_account.code: expected an account of the chart, found user:x:gold"
        in (worlds.mismatches())
    )


@pytest.mark.parametrize("column", ["user_balance", "user_ixioo_balance", "coupon_balance"])
def test_a_changed_balance_on_a_user_is_named(world: World, column: str) -> None:
    """Each of the three by itself."""
    worlds.corrupt(f"update models_user set {column} = {column} + 1 where id = %s", world.debtor.pk)
    (found,) = worlds.mismatches()
    assert found.startswith(f"user {world.debtor.pk}: models_user.{column}: expected ")


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
    ],
)
def test_changed_kept_state_is_named(world: World, table: str, change: str) -> None:
    """With its key and the column."""
    key = _KEPT[table].key[0]
    least = f"(select min({key}::text) from {table})"
    if table == "ledger_hold":
        least = f"(select min({key}::text) from {table} where state = 'voided')"
    worlds.corrupt(f"update {table} set {change} where {key}::text = {least}")
    column = change.partition(" ")[0]
    (found,) = worlds.mismatches()
    assert found.startswith(f"projection state, {table} {key}=")
    assert f": {column}: expected " in found


@pytest.mark.parametrize("table", sorted(_KEPT.keys() - {"ledger_proposal"}))
def test_lost_kept_state_is_named(world: World, table: str) -> None:
    """Each row."""
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
def test_a_changed_read_model_is_named(world: World, name: str, table: Table) -> None:
    """A row that was changed, one that was lost, one that was added."""
    keys = ", ".join(f'"{key}"' for key in table.key)
    first = f"({keys}) = (select {keys} from {table.name} where {table.only} order by {keys} limit 1)"
    numeric = {
        "platform": "debits",
        "revenue": "amount",
        "activity": "rejected",
        "billing": '"CreditFromUser"',
    }[name]
    worlds.corrupt(f"update {table.name} set {numeric} = coalesce({numeric}, 0) + 1 where {first}")
    (found,) = worlds.mismatches()
    assert found.startswith(f"projection {name}, {table.name} {table.key[0]}=")
    assert f": {numeric.strip(chr(34))}: expected " in found
    worlds.corrupt(f"delete from {table.name} where {first}")
    (found,) = worlds.mismatches()
    assert found.endswith(": row: expected one, found none")
