"""A user whom another transaction keeps locked delays only their own operations."""

from typing import Any

import pytest

from ledger.domain.errors import LockTimeout
from ledger.engine.posting import find_locked, post
from ledger.expiry import sweep_overdue
from ledger.requests.bulk import post_each
from models import Machine
from tests import builders as make
from tests import commands as do
from tests.builders import balances, counts, fund, make_machine, make_user
from tests.connections import locked

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def short_timeouts(settings: Any) -> None:
    """A lock is given up after 50 and 100 ms, because these tests wait for each of them."""
    update = {"lock_timeout_shared_ms": 50, "lock_timeout_alone_ms": 100}
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update=update)


def test_a_batch_with_a_locked_user_writes_nothing_and_names_its_users() -> None:
    """The keys stay unused: the same batch succeeds once the lock is released."""
    user, other = (fund(make_user(), usd=10) for _ in range(2))
    batch = [make.bill(user, 1), make.bill(other, 1)]
    before = counts()
    with locked(user):
        with pytest.raises(LockTimeout) as caught:
            post(batch)
        assert [set(users) for users in caught.value.users] == [{user.pk}, {other.pk}]
        assert find_locked([user.pk, other.pk]) == {user.pk}
        assert counts() == before
    assert [outcome.status for outcome in post(batch)] == ["recorded", "recorded"]
    assert find_locked([user.pk, other.pk]) == set()


def test_a_list_records_the_operations_of_all_other_users() -> None:
    """Operations of the locked user are busy, and so are later ones that must not overtake them."""
    owner, other, buyer = make_user(), fund(make_user(), usd=10), fund(make_user(), usd=10)
    fund(owner, usd=1)
    machine: Machine = make_machine(owner, data_source="3")
    batch = [
        make.bill(other, 1),
        make.data_source(machine, user=buyer),  # pays the locked owner
        make.bill(buyer, 1),
        make.bill(other, 2),
    ]
    with locked(owner):
        results = post_each(batch)
    busy = [isinstance(result, LockTimeout) for result in results]
    assert busy == [False, True, True, False]
    assert balances(other)[f"user:{other.pk}:usd"] == 7
    again = post_each(batch)
    assert [result.replayed for result in again if not isinstance(result, LockTimeout | None)] == [
        True,
        False,
        False,
        True,
    ]


def test_a_sweep_expires_the_coupons_of_all_other_users() -> None:
    """A locked user is left for the next sweep."""
    user, other = make_user(), make_user()
    soon = make.minutes_ago(-1)
    for each in (user, other):
        assert make.post_one(do.grant(each, 5, expires_at=soon)).status == "recorded"
    with locked(user):
        assert sweep_overdue(now=make.minutes_ago(-2)) == 2
    left = {each.pk: balances(each).get(f"user:{each.pk}:coupon", 0) for each in (user, other)}
    assert left == {user.pk: 5, other.pk: 0}
    sweep_overdue(now=make.minutes_ago(-2))
    assert balances(user) == {}
