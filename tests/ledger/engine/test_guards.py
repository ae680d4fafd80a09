"""The database refuses wrong rows from every writer, and names the broken constraint."""

from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.domain.chart import PLATFORM_IDS
from models import Machine, Operation, User
from tests import builders as make
from tests.builders import counts, make_user, on_user, recorded

pytestmark = pytest.mark.django_db

PAIR = "LG003"


@pytest.fixture
def operation(user: User, machine: Machine) -> Operation:
    """Record a solving that costs nothing, and so has no entries."""
    return Operation.objects.get(pk=recorded(make.solving(machine, user=user, lines=0)).id)


def account_of(user: User, name: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("select id from ledger_account where code = %s", [f"user:{user.pk}:{name}"])
        found: int = cursor.fetchone()[0]
    return found


def insert(operation: Operation, *entries: tuple[int, str, int, str, str], first: int = 900) -> None:
    """Insert entries, given as `(transfer, side, account, currency, amount)`, in one statement."""
    rows = [
        (first + n, operation.pk, transfer, side, account, currency, Decimal(amount), 5 + n)
        for n, (transfer, side, account, currency, amount) in enumerate(entries)
    ]
    with transaction.atomic(), connection.cursor() as cursor:
        values = ", ".join(["(%s, %s, %s, %s, %s, %s, %s, 1, now(), now(), now(), 0, %s)"] * len(rows))
        cursor.execute(
            "insert into models_entry (id, operation_id, transfer, side, account_id, currency, amount, "
            "position, occurred_at, recorded_at, effective_at, balance_after, account_version) "
            f"values {values}",
            [value for row in rows for value in row],
        )


def refused(operation: Operation, *entries: tuple[int, str, int, str, str]) -> Any:
    with pytest.raises(DatabaseError) as caught:
        insert(operation, *entries)
    return caught.value.__cause__


def test_allowed_pair_is_accepted(operation: Operation, user: User) -> None:
    """A correct transfer passes the check."""
    before = counts()["models_entry"]
    insert(
        operation,
        (1, "D", account_of(user, "eaml"), "EAML", "2"),
        (1, "C", PLATFORM_IDS["platform:revenue:eaml"], "EAML", "2"),
    )
    assert counts()["models_entry"] == before + 2


@pytest.mark.parametrize(
    "entries",
    [
        # Only one side.
        [(1, "D", "eaml", "EAML", "2")],
        # The amounts or currencies differ.
        [(1, "D", "eaml", "EAML", "2"), (1, "C", "revenue", "EAML", "2.00000001")],
        [(1, "D", "eaml", "EAML", "2"), (1, "C", "revenue", "USD", "2")],
        # The currency is not the account's.
        [(1, "D", "eaml", "USD", "2"), (1, "C", "revenue", "USD", "2")],
        # Balanced, but not a pair of a solving.
        [(1, "D", "revenue", "EAML", "2"), (1, "C", "eaml", "EAML", "2")],
        [(1, "D", "usd", "USD", "2"), (1, "C", "clearing", "USD", "2")],
        # The account does not exist.
        [(1, "D", "eaml", "EAML", "2"), (1, "C", "nowhere", "EAML", "2")],
        # The second transfer is wrong.
        [
            (1, "D", "eaml", "EAML", "2"),
            (1, "C", "revenue", "EAML", "2"),
            (2, "D", "eaml", "EAML", "2"),
            (2, "C", "usd", "EAML", "2"),
        ],
    ],
)
def test_transfer_that_is_not_an_allowed_pair_is_refused(
    operation: Operation, user: User, entries: list[tuple[int, str, str, str, str]]
) -> None:
    """It is unbalanced, has one side, is in a foreign currency, or is a pair that the kind does not allow."""
    accounts = {
        "eaml": account_of(user, "eaml"),
        "usd": account_of(user, "usd"),
        "revenue": PLATFORM_IDS["platform:revenue:eaml"],
        "clearing": PLATFORM_IDS["clearing:payments:usd"],
        "nowhere": 10**9,
    }
    before = counts()
    cause = refused(operation, *((t, side, accounts[name], c, a) for t, side, name, c, a in entries))
    assert cause.pgcode == PAIR
    assert cause.diag.constraint_name == "ledger_entries_pair"
    assert counts() == before


def test_two_halves_in_two_statements_are_refused(operation: Operation, user: User) -> None:
    """Both entries of a pair have to be in one statement."""
    for side, account in (("D", account_of(user, "eaml")), ("C", PLATFORM_IDS["platform:revenue:eaml"])):
        assert refused(operation, (1, side, account, "EAML", "2")).pgcode == PAIR


def test_repeated_side_and_repeated_transfer_are_refused(operation: Operation, user: User) -> None:
    """A transfer has each side only once, even if the second entry comes in a later statement."""
    pair = (
        (1, "D", account_of(user, "eaml"), "EAML", "2"),
        (1, "C", PLATFORM_IDS["platform:revenue:eaml"], "EAML", "2"),
    )
    assert refused(operation, *pair, pair[0]).diag.constraint_name == "entry_one_per_side"
    insert(operation, *pair)
    with pytest.raises(DatabaseError) as caught:
        insert(operation, *pair, first=950)
    cause: Any = caught.value.__cause__
    assert cause.diag.constraint_name in {"entry_one_per_side", "entry_one_per_account_version"}


def test_entry_of_an_unknown_operation_is_refused(operation: Operation, user: User) -> None:
    """Without an operation there is no kind, and so no allowed pair."""
    stray = Operation(operation_user=user)
    cause = refused(
        stray,
        (1, "D", account_of(user, "eaml"), "EAML", "2"),
        (1, "C", PLATFORM_IDS["platform:revenue:eaml"], "EAML", "2"),
    )
    assert cause.diag.constraint_name == "ledger_entries_pair"


@pytest.mark.parametrize(
    ("changes", "constraint"),
    [
        ("balance = -0.00000001, held = -0.00000001", "ledger_account_held_within_balance"),
        ("held = balance + 1", "ledger_account_held_within_balance"),
        ("held = -1", "ledger_account_held_within_balance"),
    ],
)
def test_balance_below_what_is_held_is_refused(user: User, changes: str, constraint: str) -> None:
    """Every account has 0 ≤ held ≤ balance."""
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"update ledger_account set {changes} where code = %s", [f"user:{user.pk}:usd"])
    cause: Any = caught.value.__cause__
    assert cause.diag.constraint_name == constraint


@pytest.mark.parametrize("column", ["user_balance", "user_ixioo_balance", "coupon_balance"])
def test_balance_on_a_user_must_equal_the_accounts(user: User, column: str) -> None:
    """Raw SQL is checked too. The other columns of the row can be changed."""
    before = on_user(user)
    for value in ("1000000", f"{column} + 0.00000001", "0.5"):
        with (
            pytest.raises(DatabaseError) as caught,
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(f"update models_user set {column} = {value} where id = %s", [user.pk])
        cause: Any = caught.value.__cause__
        assert cause.pgcode == "LG004"
        assert cause.diag.constraint_name == "ledger_user_balances"
    with connection.cursor() as cursor:
        cursor.execute("update models_user set first_name = 'Ada' where id = %s", [user.pk])
    assert on_user(user) == before


def test_new_user_starts_with_nothing() -> None:
    """An INSERT cannot give a user a balance."""
    with (
        pytest.raises(DatabaseError) as caught,
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(
            """insert into models_user (email, password, is_superuser, is_staff, is_active, is_super_admin,
                   time_format, date_format, date_separator, datetime_separator, decimal_separator,
                   date_joined, user_balance)
               values ('a@example.com', '', false, false, true, false,
                   '24H', 'DMY', '/', ' ', ',', now(), 5)"""
        )
    cause: Any = caught.value.__cause__
    assert cause.diag.constraint_name == "ledger_user_balances"


def test_saving_a_stale_user_keeps_the_balances(user: User) -> None:
    """A user that is read before a payment and saved after it keeps the balances that the ledger wrote."""
    stale = User.objects.get(pk=user.pk)
    recorded(make.top_up(user, "5"))
    stale.first_name = "Ada"
    stale.save()
    assert [make.short(value) for value in on_user(user)] == ["105", "100", "0"]
    assert user.first_name == "Ada"


def test_inline_balances_follow_every_operation(user: User, machine: Machine) -> None:
    """They change in the transaction that posts, for the payer and the payee."""
    recorded(make.machine_copy(machine, user=user))
    assert [make.short(value) for value in on_user(user)] == ["95", "100", "0"]
    assert [make.short(value) for value in on_user(machine.machine_owner_user)] == ["4", "0", "0"]
    bystander = make_user()
    assert not any(on_user(bystander))
