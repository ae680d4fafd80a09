"""Properties of the real engine: the division into batches and the order of operations."""

from collections.abc import Sequence
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ledger.engine.posting import post
from ledger.engine.submission import Submission
from tests import builders as make
from tests.builders import balances, code_of, journal, rolled_back
from tests.depth import examples
from tests.strategies import USERS, DrawnOperation, drawn_operations

pytestmark = pytest.mark.django_db

# The database is kept between examples; each of them rolls back what it posted.
few = settings(max_examples=examples(25), suppress_health_check=[HealthCheck.function_scoped_fixture])


def world() -> tuple[list[int], list[int]]:
    users = [make.make_user() for _ in range(USERS)]
    for user in users[:3]:
        make.fund(user, usd=50, eaml=5)
    machines = [
        make.make_machine(users[0], api="0.01", data_source="3", copy="5"),
        make.make_machine(users[1], copy="0.00000003", copy_update="10"),
        make.make_machine(users[3], api="0.33333333", columns=5),
    ]
    return [user.pk for user in users], [machine.pk for machine in machines]


def posted(submissions: Sequence[Submission], cuts: Sequence[int]) -> Any:
    """Post in batches and roll back; return the answers, the journal and the balances."""
    edges = [0, *sorted(cuts), len(submissions)]
    with rolled_back():
        answers = [
            code_of(outcome) for start, end in pairwise(edges) for outcome in post(submissions[start:end])
        ]
        return answers, balances(), journal()


@few
@given(st.lists(drawn_operations(), min_size=1, max_size=12), st.data())
def test_division_into_batches_changes_nothing(asked: list[DrawnOperation], data: st.DataObject) -> None:
    """One transaction or several: answers, entries and balances are the same."""
    keys = data.draw(st.lists(st.integers(0, 8), min_size=len(asked), max_size=len(asked)), label="keys")
    cuts = data.draw(st.lists(st.integers(0, len(asked)), max_size=4), label="cuts")
    with rolled_back():
        users, machines = world()
        submissions = [
            drawn.submission(users, machines, key=f"k{key}") for drawn, key in zip(asked, keys, strict=True)
        ]
        assert posted(submissions, cuts) == posted(submissions, [])


@few
@given(st.lists(drawn_operations(lines=500), min_size=2, max_size=8), st.data())
def test_order_of_successful_operations_does_not_matter(
    asked: list[DrawnOperation], data: st.DataObject
) -> None:
    """The balances are the same to the last unit."""
    with rolled_back():
        users, machines = world()
        submissions = [drawn.submission(users, machines) for drawn in asked]
        answers, _, _ = posted(submissions, [])
        good = [each for each, answer in zip(submissions, answers, strict=True) if answer == "recorded"]
        assume(len(good) > 1)
        shuffled = data.draw(st.permutations(good), label="order")
        one, other = posted(good, []), posted(shuffled, [])
        assume(set(one[0]) == set(other[0]) == {"recorded"})
        assert one[1] == other[1]


@few
@given(st.lists(drawn_operations(), min_size=1, max_size=8))
def test_debits_equal_credits_in_the_whole_journal(asked: list[DrawnOperation]) -> None:
    """They are equal in each currency, and the last entry of each account has the account's balance."""
    with rolled_back():
        users, machines = world()
        post([drawn.submission(users, machines) for drawn in asked])
        sums = {"usd": Decimal(0), "eaml": Decimal(0)}
        last: dict[str, Decimal] = {}
        for _, account, side, value, after, _ in journal():
            currency = "eaml" if account.endswith("eaml") else "usd"
            sums[currency] += value if side == "D" else -value
            if after is not None:
                last[account] = after
        assert not any(sums.values())
        assert {code: balance for code, balance in last.items() if balance} == balances()


def test_rolled_back_leaves_no_rows() -> None:
    """The other tests here rely on it."""
    before = make.counts()
    with rolled_back():
        world()
        assert make.counts() != before
    assert make.counts() == before
