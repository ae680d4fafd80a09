"""A replay gives the same rows wherever it is split, and the rows are those of the operations."""

from collections.abc import Sequence
from datetime import UTC
from decimal import Decimal
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from events import store
from events.message import StoredEvent
from models.machine_billing import Billing
from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState
from projections.models import ActivityDay, PlatformBalance, RevenueDay
from projections.projection import Projection
from projections.shadow import shadow_tables
from tests.depth import examples
from tests.projections import world as worlds
from tests.projections.world import World

_ALL: Sequence[Projection] = (*PROJECTIONS, KeptState())


def _replayed(parts: Sequence[Sequence[StoredEvent]]) -> object:
    """Return the rows after a replay in these parts, without serial numbers."""
    from django.db import connection

    found = {}
    with shadow_tables(_ALL), connection.cursor() as cursor:
        for projection in _ALL:
            for part in parts:
                projection.apply(cursor, part)
            for table in projection.tables:
                names = ", ".join(f'"{name}"' for name in (*table.key, *table.columns))
                cursor.execute(f"select {names} from pg_temp.{table.name}")
                found[table.name] = sorted(map(str, cursor.fetchall()))
    return found


def test_one_replay_equals_the_same_replay_split_anywhere(world: World) -> None:
    """A replay in one part, event by event, and with empty parts gives the same rows."""
    events = store.read(after=0, upto=10**9, limit=10**6)
    whole = _replayed([events])

    @settings(max_examples=examples(25))
    @given(st.lists(st.integers(0, len(events))))
    def check(cuts: list[int]) -> None:
        borders = [0, *sorted(cuts), len(events)]
        parts = [events[start:end] for start, end in pairwise(borders)]
        assert _replayed(parts) == whole

    check()
    assert _replayed([[event] for event in events]) == whole


def test_platform_accounts_balance_the_users_accounts(world: World) -> None:
    """In each currency the sum of all balances is zero."""
    del world
    from django.db.models import Sum

    from ledger.models import Account

    for currency in ("USD", "EAML"):
        owned = Account.objects.filter(user_id__isnull=False, currency=currency)
        of_users = sum((a.balance if a.normal_side == "C" else -a.balance for a in owned), Decimal(0))
        platform = PlatformBalance.objects.filter(currency=currency)
        sums = platform.aggregate(debits=Sum("debits"), credits=Sum("credits"))
        assert of_users + sums["credits"] - sums["debits"] == 0


def test_a_platform_account_counts_on_its_normal_side(world: World) -> None:
    """Payments debit clearing, and payouts credit it; commission is credited."""
    del world
    clearing = PlatformBalance.objects.get(pk="clearing:payments:usd")
    assert (clearing.debits, clearing.credits, clearing.balance) == (Decimal(303), Decimal(5), Decimal(298))
    commission = PlatformBalance.objects.get(pk="platform:revenue:commission:usd")
    assert commission.balance == commission.credits - commission.debits > 0


def test_revenue_is_per_day_kind_and_currency(world: World) -> None:
    """A sale earns its commission, a training its tokens, and a reversal deducts revenue."""
    day = world.sale.occurred_at.astimezone(UTC).date()
    earned = {
        (row.kind, row.currency): (row.amount, row.operations) for row in RevenueDay.objects.filter(day=day)
    }
    assert earned["machine_copy", "USD"] == (Decimal(1), 1)
    assert earned["training", "EAML"] == (Decimal(3), 1)
    assert earned["pay_a_bill", "USD"] == (Decimal(21), 2)
    assert earned["reversal", "USD"] == (Decimal("-0.4"), 1)


def test_activity_counts_recorded_and_rejected(world: World) -> None:
    """The day is that of recording."""
    day = world.sale.recorded_at.astimezone(UTC).date()
    bills = ActivityDay.objects.get(day=day, kind="pay_a_bill")
    assert (bills.recorded, bills.rejected) == (2, 1)


def test_the_legacy_table_has_the_columns_of_the_older_system(world: World) -> None:
    """Costs in tokens are converted at the tariff's rate, and incomes are after commission."""
    training = Billing.objects.get(operation_position=world.training.position)
    assert training.OperationIsTraining is True
    assert (training.CountOfLinesTraining, training.TrainingCostMachineUSD) == (100_000, Decimal("0.03"))
    assert training.Operation_User == world.buyer
    assert training.machine_owner_user == world.seller
    sale = Billing.objects.get(operation_position=world.sale.position)
    assert (sale.OperationIsMachineCopy, sale.MachineCopyIncomeUSD) == (True, Decimal(4))
    assert sale.OperationIsTraining is None
    bill = Billing.objects.get(operation_position=world.bill.position)
    assert (bill.CreditFromIXIOO, bill.CreditFromUser, bill.machine) == (Decimal(20), None, None)
    market = Billing.objects.get(SolvingAPIIncomeUSD__isnull=False)
    assert (market.SolvingAPITotalCostUSD, market.SolvingAPIIncomeUSD) == (Decimal("0.33"), Decimal("0.264"))


def test_rows_of_a_deleted_user_are_not_rebuilt(world: World) -> None:
    """They were deleted with the user, and a replay leaves them out."""
    assert not Billing.objects.filter(Operation_User=world.gone).exists()
    assert worlds.mismatches() == []
