"""Dues of users as the database stores and shows them: limits, age, and the payments that reduce them."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from ledger.domain.money import ZERO
from ledger.engine.posting import post
from ledger.models import Account
from ledger.queries import dues
from ledger.queries.balances import balances_as_of
from models import Machine, User
from tests import builders as make
from tests import commands as do
from tests.builders import amount, balances, code_of, make_user, recorded

pytestmark = pytest.mark.django_db(transaction=True)

# A line costs 0.0001 tokens, so this many lines cost one token.
TOKEN = 10_000


def owe(machine: Machine, user: User, tokens: int, at: datetime) -> None:
    """Use so many tokens that the user does not have."""
    (outcome,) = post([make.solving(machine, user=user, lines=tokens * TOKEN)], clock=lambda: at)
    assert outcome.status == "recorded"


@pytest.fixture
def debtor() -> User:
    return make_user()


def by_age(user: User, at: datetime) -> list[str]:
    found = dues.dues_of(user.pk, at=at)
    assert found is not None
    return [make.short(part) for part in found["EAML"].by_age]


def oldest(user: User, at: datetime) -> datetime | None:
    found = dues.dues_of(user.pk, at=at)
    assert found is not None
    return found["EAML"].oldest


def test_own_limit_is_stored_with_the_account(debtor: User, machine: Machine) -> None:
    """It applies at once and is shown. Without it the tariff's limit applies again."""
    recorded(do.limit(debtor, 3))
    assert Account.objects.get(code=f"user:{debtor.pk}:due:eaml").credit_limit == 3
    assert (
        code_of(make.post_one(make.solving(machine, user=debtor, lines=4 * TOKEN))) == "credit_limit_exceeded"
    )
    recorded(make.solving(machine, user=debtor, lines=3 * TOKEN))
    found = dues.dues_of(debtor.pk, at=timezone.now())
    assert found is not None
    assert (found["EAML"].balance, found["EAML"].credit_limit) == (amount(3), amount(3))
    assert (found["USD"].balance, found["USD"].credit_limit) == (ZERO, None)
    recorded(do.limit(debtor, None))
    assert Account.objects.get(code=f"user:{debtor.pk}:due:eaml").credit_limit is None
    recorded(make.solving(machine, user=debtor, lines=997 * TOKEN))
    assert code_of(make.post_one(make.solving(machine, user=debtor, lines=1))) == "credit_limit_exceeded"


def test_batch_decides_by_the_limit_that_it_sets(debtor: User, machine: Machine) -> None:
    """Commands after the change in the batch see the new limit."""
    outcomes = post(
        [
            do.limit(debtor, 1),
            make.solving(machine, user=debtor, lines=2 * TOKEN),
            do.limit(debtor, 2),
            make.solving(machine, user=debtor, lines=2 * TOKEN),
        ]
    )
    assert [code_of(outcome) for outcome in outcomes] == [
        "recorded",
        "credit_limit_exceeded",
        "recorded",
        "recorded",
    ]


@pytest.mark.parametrize("read_at_once", [1, 2, 500])
def test_dues_are_shown_by_age_and_the_oldest_is_paid_first(
    debtor: User, machine: Machine, read_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ranges are up to 30, 60 and 90 whole days, inclusive, and older."""
    monkeypatch.setattr(dues, "_READ_AT_ONCE", read_at_once)
    start = timezone.now() + timedelta(days=1)

    def day(number: float) -> datetime:
        return start + timedelta(days=number)

    for number, tokens in ((0, 1), (40, 2), (70, 4), (100, 8)):
        owe(machine, debtor, tokens, day(number))
    assert by_age(debtor, day(100)) == ["12", "2", "0", "1"]
    assert by_age(debtor, day(101)) == ["8", "4", "2", "1"]
    assert by_age(debtor, day(131)) == ["0", "8", "4", "3"]
    assert oldest(debtor, day(101)) == day(0)
    post([do.adjust(debtor, "eaml", 2)], clock=lambda: day(102))
    assert by_age(debtor, day(102)) == ["8", "4", "1", "0"]
    assert oldest(debtor, day(102)) == day(40)
    post([do.adjust(debtor, "due:eaml", "-1.5")], clock=lambda: day(103))
    assert by_age(debtor, day(103)) == ["8", "3.5", "0", "0"]
    post([do.adjust(debtor, "due:eaml", "-11.5")], clock=lambda: day(104))
    assert by_age(debtor, day(104)) == ["0", "0", "0", "0"]
    assert oldest(debtor, day(104)) is None


def test_due_is_shown_with_every_balance_at_any_time(debtor: User, machine: Machine) -> None:
    """It is paid down in the operation that adds money."""
    start = timezone.now() + timedelta(hours=1)
    owe(machine, debtor, 5, start)
    paid = start + timedelta(hours=1)
    post([do.adjust(debtor, "usd", 1), make.bill(debtor, "0.03")], clock=lambda: paid)
    assert balances(debtor)[f"user:{debtor.pk}:due:eaml"] == amount(2)
    for moment, due, eaml in ((start, 5, 0), (paid - timedelta(microseconds=1), 5, 0), (paid, 2, 0)):
        found = balances_as_of(debtor.pk, at=moment)
        assert found is not None
        assert (found.accounts["due:eaml"].balance, found.accounts["eaml"].balance) == (
            amount(due),
            amount(eaml),
        )


def test_unknown_user_has_no_dues() -> None:
    """A user without accounts owes nothing."""
    assert dues.dues_of(10**12, at=timezone.now()) is None
    found = dues.dues_of(make_user().pk, at=timezone.now())
    assert found is not None
    assert {name: due.balance for name, due in found.items()} == {"USD": ZERO, "EAML": ZERO}
