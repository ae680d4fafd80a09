"""`rebuild` restores what follows from the log, and leaves correct rows unchanged."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ledger.engine.posting import post
from models.machine_billing import Billing
from projections import checkpoints
from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState
from projections.projection import Projection
from projections.rebuild import rebuild
from projections.rebuild_balances import rebuild_balances
from projections.rebuild_rows import rebuild_records
from tests import builders as make
from tests.projections import world as worlds
from tests.projections.world import World

_RECORDS = ("models_operation", "models_entry")


def test_rebuilding_correct_rows_changes_nothing(world: World) -> None:
    """No row is written."""
    del world
    assert [rebuild(projection) for projection in PROJECTIONS] == [(0, 0)] * len(PROJECTIONS)
    assert rebuild_balances() == 0
    assert rebuild_records() == (0, 0)


@pytest.mark.parametrize("projection", PROJECTIONS, ids=lambda projection: projection.name)
def test_a_deleted_projection_is_rebuilt(world: World, projection: Projection) -> None:
    """The rows are the same as before."""
    del world
    (table,) = projection.tables
    names = ", ".join(f'"{name}"' for name in (*table.key, *table.columns))

    def stored() -> list[tuple[object, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(f"select {names} from {table.name} order by {names}")
            return list(cursor.fetchall())

    before = stored()
    worlds.corrupt(f"delete from {table.name}")
    assert rebuild(projection, chunk=3) == (0, len(before))
    assert stored() == before
    assert worlds.mismatches() == []


def test_a_wrong_row_of_a_projection_is_replaced_and_others_stay(world: World) -> None:
    """The other rows are not written."""
    worlds.corrupt(
        'update models_billing set "MachineCopyIncomeUSD" = 9 where operation_position = %s',
        world.sale.position,
    )
    others = set(Billing.objects.exclude(operation_position=world.sale.position).values_list("pk", flat=True))
    billing = next(projection for projection in PROJECTIONS if projection.name == "billing")
    assert rebuild(billing) == (1, 1)
    assert others < set(Billing.objects.values_list("pk", flat=True))
    assert worlds.mismatches() == []


def test_a_projection_that_never_ran_is_built(world: World) -> None:
    """Its checkpoint is at the settled position afterwards."""
    del world
    revenue = next(projection for projection in PROJECTIONS if projection.name == "revenue")
    worlds.corrupt("delete from events_checkpoint where name = 'projection:revenue'")
    worlds.corrupt("delete from projections_revenue")
    rebuild(revenue)
    with connection.cursor() as cursor:
        assert checkpoints.read(cursor)["revenue"] == worlds.settle()
    assert worlds.mismatches() == []


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger_account set balance = balance + 5, version = version + 1 where user_id is not null",
        "update ledger_account set held = 0, position = 0, recorded_at = null where user_id is not null",
        "update ledger_account set credit_limit = 3 where kind = 'user:due:eaml'",
        "update models_user set user_balance = 7, user_ixioo_balance = 7, coupon_balance = 7",
        "update ledger_grant set remaining = 0",
        "update ledger_hold set state = 'open', kept = '{}'",
        "update ledger_payout set state = 'failed', kept = '{}'",
        "update ledger_contract set state = 'split', kept = '{}'",
        "update ledger_coupon_code set redemptions = 0",
        *(f"delete from {table.name}" for table in KeptState.tables),
        "delete from ledger_period_balance",
        "update ledger_period_balance set debits = debits + 1",
    ],
)
def test_balances_and_kept_state_are_rebuilt(world: World, statement: str) -> None:
    """`verify` finds no mismatch afterwards."""
    del world
    worlds.corrupt(statement)
    assert worlds.mismatches() != []
    assert rebuild_balances() > 0
    assert worlds.mismatches() == []


def test_events_that_are_not_settled_yet_count_too(world: World) -> None:
    """Under a user's lock, everything that was posted for them is visible."""
    post([make.machine_copy(world.machine, user=world.buyer), make.top_up(world.debtor, 2)])
    worlds.corrupt("update ledger_account set balance = 0, held = 0 where user_id is not null")
    rebuild_balances()
    assert worlds.mismatches() == []


def test_deleted_operations_and_entries_are_rebuilt_the_same(world: World) -> None:
    """All columns are the same, including links that were added later."""
    del world
    before = worlds.rows(*_RECORDS)
    with worlds.without_triggers() as cursor:
        cursor.execute(f"set constraints all immediate; truncate {', '.join(_RECORDS)}")
    assert rebuild_records() == tuple(len(before[table]) for table in _RECORDS)
    assert worlds.rows(*_RECORDS) == before
    assert worlds.mismatches() == []


def test_one_deleted_operation_is_rebuilt_and_the_others_stay(world: World) -> None:
    """Only missing rows are inserted."""
    before = worlds.rows(*_RECORDS)
    worlds.corrupt("delete from models_entry where operation_id = %s", world.sale.id)
    worlds.corrupt("delete from models_operation where id = %s", world.sale.id)
    assert rebuild_records() == (1, 4)
    assert worlds.rows(*_RECORDS) == before


def test_the_command_rebuilds_everything_and_prints_the_changes(world: World) -> None:
    """It prints a line for each part."""
    worlds.corrupt("update models_user set user_balance = 7 where id = %s", world.debtor.pk)
    worlds.corrupt("delete from projections_revenue")
    out = io.StringIO()
    call_command("rebuild", "all", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == "records: 0 operations and 0 entries were missing"
    assert lines[1] == "balances: 1 rows were different"
    assert any(line.startswith("revenue: 0 rows taken out, ") for line in lines)
    assert lines[-1].startswith("rebuilt all in ")
    assert worlds.mismatches() == []


def test_the_command_refuses_an_unknown_name() -> None:
    """The error lists the valid names."""
    with pytest.raises(CommandError, match="no projection balance; there are platform, revenue"):
        call_command("rebuild", "balance")
