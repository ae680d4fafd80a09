"""The version of an account at a place of its statement, found by binary search."""

from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.utils import timezone

from ledger.engine.posting import post
from ledger.models import Account
from ledger.queries.balances import balances_as_of
from ledger.queries.statement import PageEnd, statement
from models import User
from models.billing import Entry
from tests import commands as do
from tests.builders import make_user

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user() -> User:
    """A user with eleven entries on one account, several at the same time, and three on another."""
    user, start = make_user(), timezone.now() + timedelta(days=1)
    for minute, count in ((0, 1), (1, 5), (2, 2), (7, 3)):
        at = start + timedelta(minutes=minute)
        post([do.adjust(user, "usd", 1) for _ in range(count)], clock=lambda at=at: at)  # type: ignore[misc]
    post([do.adjust(user, "eaml", 1) for _ in range(3)], clock=lambda: start + timedelta(minutes=3))
    return user


def _version_at(account: int, at: datetime, entry: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select ledger_version_at(%s, %s, %s)", [account, at, entry])
        found: int = cursor.fetchone()[0]
    return found


def test_version_at_a_place_is_the_number_of_entries_up_to_it(user: User) -> None:
    """The search finds the number that counting finds, at, before and after every entry."""
    account = Account.objects.get(code=f"user:{user.pk}:usd")
    lines = list(Entry.objects.filter(account_id=account.pk).order_by("account_version"))
    assert len(lines) == account.version == 11
    moment = timedelta(microseconds=1)
    places = [
        (line.recorded_at + shift, line.pk + step)
        for line in lines
        for shift in (-moment, moment * 0, moment)
        for step in (-1, 0, 1)
    ]
    for place in places:
        counted = sum((line.recorded_at, line.pk) <= place for line in lines)
        assert _version_at(account.pk, *place) == counted


def test_page_continues_after_any_line_with_the_next_line_of_any_account(user: User) -> None:
    """Pages of any size, and time ranges, are slices of the whole statement."""
    whole = statement(user.pk, limit=100)
    assert len(whole) == 14
    assert whole == sorted(whole, key=lambda line: line.page_end)
    for number, line in enumerate(whole):
        for limit in (1, 4, 100):
            assert statement(user.pk, after=line.page_end, limit=limit) == whole[number + 1 :][:limit]
    last = whole[-1].recorded_at
    for line in whole:
        at = line.recorded_at
        assert statement(user.pk, recorded_from=at, limit=100) == [x for x in whole if x.recorded_at >= at]
        assert statement(user.pk, recorded_to=at, limit=100) == [x for x in whole if x.recorded_at < at]
        assert statement(user.pk, after=PageEnd(last, whole[-1].entry), recorded_from=at, limit=9) == []


def test_balance_at_each_moment_agrees_with_the_statement(user: User) -> None:
    """It is the balance after the last line up to that moment."""
    balance = {"usd": 0, "eaml": 0}
    lines = statement(user.pk, limit=100)
    for line, following in zip(lines, [*lines[1:], None], strict=True):
        balance[line.account.rpartition(":")[2]] = int(line.balance_after)
        if following is None or following.recorded_at > line.recorded_at:
            found = balances_as_of(user.pk, at=line.recorded_at)
            assert found is not None
            assert {name: int(found.accounts[name].balance) for name in balance} == balance
