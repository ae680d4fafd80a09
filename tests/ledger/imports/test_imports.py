"""Imports of opening balances, all or nothing, and of billing rows, one by one; each once."""

from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from events.models import Event
from events.settler import settle_all
from ledger.domain.errors import Invalid
from ledger.imports.legacy_billing import import_legacy_billing
from ledger.imports.opening_balances import import_opening_balances
from models import Billing, Entry, User
from projections.billing import LegacyBilling
from projections.runner import Runner
from projections.verification import verify

pytestmark = pytest.mark.django_db(transaction=True)

_HEADER = "user_id,user_balance,user_ixioo_balance,coupon_balance,due_usd,due_eaml"


@pytest.fixture
def users() -> list[User]:
    return [User.objects.create_user(email=f"user{n}@example.com", password="secret") for n in range(2)]


def _file(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines) + "\n")
    return path


def _mismatches() -> list[str]:
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    return found


def test_opening_balances_are_posted_once(tmp_path: Path, users: list[User]) -> None:
    """There is one operation per user against equity; the same file again posts nothing."""
    first, second = users
    path = _file(
        tmp_path / "opening.csv",
        _HEADER,
        f"{first.pk},10.5,100,3,0,0",
        f"{second.pk},0,0.00000001,0,1,2",
        "total:2,10.5,100.00000001,3,1,2",
    )
    imported = import_opening_balances(path, now=timezone.now())
    again = import_opening_balances(path, now=timezone.now())
    assert (imported.recorded, imported.replayed, again.recorded, again.replayed) == (2, 0, 0, 2)
    first.refresh_from_db()
    assert first.user_balance == Decimal("10.5")
    assert first.user_ixioo_balance == Decimal(100)
    assert first.coupon_balance == Decimal(3)
    assert Entry.objects.count() == 12
    assert _mismatches() == []


@pytest.mark.parametrize(
    ("rows", "field"),
    [
        (["{user},1,0,0,0,0", "total:1,2,0,0,0,0"], "user_balance"),
        (["{user},1,0,0,0,0", "total:2,1,0,0,0,0"], "user_id"),
        (["{user},1,0,0,0,0"], "file"),
        (["{user},1.123456789,0,0,0,0", "total:1,1,0,0,0,0"], "row 2, user_balance"),
        (["{user},-1,0,0,0,0", "total:1,-1,0,0,0,0"], "row 2, user_balance"),
        (["999999,1,0,0,0,0", "total:1,1,0,0,0,0"], "user_id"),
        (["{user},1,0,0,0,0", "{user},1,0,0,0,0", "total:2,2,0,0,0,0"], "user_id"),
        (["{user},1,0,0,0", "total:1,1,0,0,0,0"], "row 2"),
        (["x,1,0,0,0,0", "total:1,1,0,0,0,0"], "row 2, user_id"),
    ],
)
def test_an_invalid_file_of_opening_balances_writes_nothing(
    tmp_path: Path, users: list[User], rows: list[str], field: str
) -> None:
    """The error names the row and the column."""
    before = Event.objects.count()
    path = _file(tmp_path / "opening.csv", _HEADER, *(row.format(user=users[0].pk) for row in rows))
    with pytest.raises(Invalid) as raised:
        import_opening_balances(path, now=timezone.now())
    assert raised.value.details["field"] == field
    assert Event.objects.count() == before


def test_different_opening_balances_of_a_user_are_a_conflict(tmp_path: Path, users: list[User]) -> None:
    """The first file counts, and the command names the user."""
    user = users[0].pk
    path = _file(tmp_path / "opening.csv", _HEADER, f"{user},1,0,0,0,0", "total:1,1,0,0,0,0")
    import_opening_balances(path, now=timezone.now())
    other = _file(tmp_path / "other.csv", _HEADER, f"{user},2,0,0,0,0", "total:1,2,0,0,0,0")
    with pytest.raises(CommandError):
        call_command("import_opening_balances", str(other))
    users[0].refresh_from_db()
    assert users[0].user_balance == Decimal(1)


def test_legacy_rows_are_imported_once_and_refused_one_by_one(tmp_path: Path, users: list[User]) -> None:
    """A valid row becomes an event without entries and a row; the others are named."""
    user = users[0].pk
    path = _file(
        tmp_path / "billing.csv",
        "id,Operation_User,OperationIsTraining,CountOfLinesTraining,TrainingCostMachineUSD,MachineExportCostUSD",
        f"1,{user},True,100,1.5,",
        f"2,{user},,,,0.25",
        "3,999999,,,,1",
        f"4,{user},maybe,,,",
        f"5,{user},,-1,,",
    )
    imported = import_legacy_billing(path, now=timezone.now())
    again = import_legacy_billing(path, now=timezone.now())
    assert (imported.recorded, imported.replayed, len(imported.refused)) == (2, 0, 3)
    assert (again.recorded, again.replayed, again.refused) == (0, 2, imported.refused)
    assert not Entry.objects.exists()
    Runner([LegacyBilling()]).catch_up(settle_all())
    rows = Billing.objects.order_by("operation_position")
    assert [
        (row.Operation_User_id, row.TrainingCostMachineUSD, row.MachineExportCostUSD) for row in rows
    ] == [
        (user, Decimal("1.5"), None),
        (user, None, Decimal("0.25")),
    ]
    assert _mismatches() == []


def test_a_legacy_header_with_an_unknown_column_is_refused(tmp_path: Path) -> None:
    """The error names the misspelt column."""
    path = _file(tmp_path / "billing.csv", "id,TrainingCost", "1,2")
    with pytest.raises(Invalid) as raised:
        import_legacy_billing(path, now=timezone.now())
    assert raised.value.details["field"] == "TrainingCost"
