"""Everything that the engine writes can be rebuilt from the log."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.engine.posting import post
from projections.rebuild_balances import rebuild_balances
from projections.rebuild_rows import rebuild_records
from tests import builders as make
from tests import strategies
from tests.depth import examples
from tests.projections import world as worlds
from tests.strategies import MACHINES, USERS, DrawnOperation

_RECORDS = ("models_operation", "models_entry")
_BALANCES = ("ledger_account", "models_user")
_PRICES: tuple[dict[str, Any], ...] = (
    {"api": "0.01", "copy": "5"},
    {"data_source": "0.00000003", "copy_update": "2.5"},
    {"copy": "0"},
)


@pytest.mark.django_db
@settings(max_examples=examples(30))
@given(st.lists(st.lists(strategies.drawn_operations(), min_size=1, max_size=8), max_size=6))
def test_everything_can_be_rebuilt_from_the_log(batches: list[list[DrawnOperation]]) -> None:
    """After any sequence of batches `verify` finds no mismatch, and deleted operations, entries and balances
    are rebuilt from the events exactly as they were.
    """
    with worlds.rolled_back():
        users = [make.make_user() for _ in range(USERS)]
        machines = [make.make_machine(users[n], **_PRICES[n]) for n in range(MACHINES)]
        post([make.top_up(user, 50) for user in users])
        for batch in batches:
            post([drawn.submission([u.pk for u in users], [m.pk for m in machines]) for drawn in batch])
        worlds.project()
        assert worlds.mismatches(chunk=5) == []

        records, balances = worlds.rows(*_RECORDS), worlds.rows(*_BALANCES)
        with worlds.without_triggers() as cursor:
            cursor.execute(f"truncate {', '.join(_RECORDS)}")
            cursor.execute("update ledger_account set balance = 0, version = 7 where user_id is not null")
            cursor.execute("update models_user set user_balance = 1")
        rebuild_records()
        rebuild_balances()
        assert worlds.rows(*_RECORDS) == records
        assert worlds.rows(*_BALANCES) == balances
        assert worlds.mismatches() == []
