"""Entries are read by user and by time."""

import datetime as dt
from decimal import Decimal

import pytest
from django.utils import timezone

from models import Credit, CreditIXIOO, Debit, Entry, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def credits_(owner: User, buyer: User) -> list[Credit]:
    """Three credits of one user, among entries of other users and currencies."""
    found = []
    for amount in (1, 2, 3):
        found.append(Credit.objects.create(user=owner, amount=amount))
        Credit.objects.create(user=buyer, amount=amount)
        CreditIXIOO.objects.create(user=owner, amount=amount)
    return found


def test_entries_of_a_user_are_in_the_order_recorded(credits_: list[Credit], owner: User) -> None:
    """Only entries of this user and of the class are found."""
    assert list(Credit.objects.get_all_by_user(owner)) == credits_
    assert list(Credit.objects.get_all_by_user(owner.pk)) == credits_
    assert not Debit.objects.get_all_by_user(owner).exists()
    assert Entry.objects.get_all_by_user(owner).count() == 6


def test_a_range_of_datetimes_includes_its_start_but_not_its_end(credits_: list[Credit], owner: User) -> None:
    """Adjacent ranges therefore contain every entry once."""
    first, second, third = (credit.recorded_at for credit in credits_)
    found = Credit.objects.get_by_user_in_date_range
    assert list(found(owner, first, third)) == credits_[:2]
    assert list(found(owner, second, third)) == credits_[1:2]
    assert list(found(owner, third, third)) == []
    assert list(found(owner, third, third + dt.timedelta(microseconds=1))) == credits_[2:]


def test_a_range_of_dates_includes_its_last_day(credits_: list[Credit], owner: User) -> None:
    """Days are those of the current time zone."""
    today = timezone.localdate()
    day = dt.timedelta(days=1)
    found = Credit.objects.get_by_user_in_date_range
    assert list(found(owner, today - day, today + day)) == credits_
    assert list(found(owner, today + 2 * day, today + 3 * day)) == []
    assert list(found(owner, today - day, dt.date.max)) == credits_
    # In this time zone it can be the next day already.
    with timezone.override(dt.timezone(dt.timedelta(hours=14))):
        ahead = timezone.localdate(credits_[0].recorded_at)
        assert list(found(owner, ahead, ahead)) == credits_
        assert not found(owner, ahead - day, ahead - day).exists()


def test_a_range_can_be_filtered_further(credits_: list[Credit], owner: User) -> None:
    """The result is an ordinary queryset with the same methods."""
    today = timezone.localdate()
    day = dt.timedelta(days=1)
    found = Credit.objects.get_by_user_in_date_range(owner, today - day, today + day)
    assert found.filter(amount__gt=1).get_by_user_in_date_range(owner, today - day, today + day).count() == 2


def test_a_datetime_without_a_time_zone_is_refused(owner: User) -> None:
    """It would be ambiguous."""
    naive = dt.datetime(2026, 1, 1)  # noqa: DTZ001 - what is refused
    with pytest.raises(ValueError, match="time zone"):
        Credit.objects.get_by_user_in_date_range(owner, naive, timezone.now())
    with pytest.raises(ValueError, match="time zone"):
        Credit.objects.get_by_user_in_date_range(owner, timezone.now(), naive)


def test_a_range_that_ends_before_it_starts_is_refused(owner: User) -> None:
    """It is a mistake of the caller, so an empty result would hide it."""
    with pytest.raises(ValueError, match="ends before"):
        Credit.objects.get_by_user_in_date_range(owner, dt.date(2026, 1, 2), dt.date(2026, 1, 1))


def test_money_is_shown_with_its_currency(owner: User) -> None:
    """Tokens are shown with all decimals that are not zero."""
    tokens = CreditIXIOO.objects.create(user=owner, amount=Decimal("934.56780001"))
    assert str(tokens.money) == "934.56780001 EAML"
    assert str(Credit.objects.create(user=owner, amount=5).money) == "5.00 USD"
