"""Users: creation, signing in, teams, and balances that only the ledger writes."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from djmoney.money import Money

from models import Credit, ImmutableRecord, Machine, NNModel, Team, User
from models.user import BALANCES
from tests.models.conftest import PASSWORD, new_machine, new_user

pytestmark = pytest.mark.django_db

ZERO = Decimal(0)


def test_a_user_signs_in_by_email() -> None:
    """The email address is the user name."""
    user = User.objects.create_user(email="Ada@Example.ORG", password=PASSWORD, first_name="Ada")
    assert user.email == "Ada@example.org"
    assert authenticate(username="Ada@example.org", password=PASSWORD) == user
    assert authenticate(username="ada@EXAMPLE.org", password=PASSWORD) == user
    assert authenticate(username="Ada@example.org", password="wrong") is None
    assert User.USERNAME_FIELD == "email"


def test_a_user_without_a_password_cannot_sign_in() -> None:
    """The empty password does not work either."""
    user = User.objects.create_user(email="a@example.org")
    assert not user.has_usable_password()
    assert authenticate(username="a@example.org", password="") is None


def test_users_can_have_no_address_but_not_share_one() -> None:
    """Null is not unique, but an address is."""
    User.objects.create_user()
    User.objects.create_user()
    User.objects.create_user(email="a@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(email="a@example.org")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.create_user(email="A@example.org")
    assert User.objects.count() == 3


def test_defaults_are_those_of_the_document() -> None:
    user = User.objects.get(pk=new_user("a").pk)
    shown = {
        name: getattr(user, name)
        for name in (
            "time_format",
            "date_format",
            "date_separator",
            "datetime_separator",
            "decimal_separator",
            *BALANCES,
            "is_super_admin",
            "is_staff",
            "is_superuser",
            "is_active",
            "last_login",
        )
    }
    assert shown == {
        "time_format": "24H",
        "date_format": "DMY",
        "date_separator": "/",
        "datetime_separator": " ",
        "decimal_separator": ",",
        "user_balance": ZERO,
        "user_ixioo_balance": ZERO,
        "coupon_balance": ZERO,
        "is_super_admin": False,
        "is_staff": False,
        "is_superuser": False,
        "is_active": True,
        "last_login": None,
    }
    assert user.date_joined.tzinfo is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "no address"),
        ("email", ""),
        ("time_format", "13H"),
        ("date_format", "YMD"),
        ("date_separator", ":"),
        ("datetime_separator", "_"),
        ("decimal_separator", ";"),
        ("first_name", "x" * 141),
    ],
)
def test_values_that_the_document_does_not_allow_are_refused(field: str, value: str) -> None:
    """save() checks choices, lengths and the address, and stores nothing."""
    user = User(**{"email": "a@example.org", field: value})
    with pytest.raises(ValidationError) as refused:
        user.save()
    assert field in refused.value.message_dict
    assert not User.objects.exists()


def test_a_superuser_may_do_everything() -> None:
    """A superuser has the roles of the older system and of Django."""
    admin = User.objects.create_superuser(
        email="admin@example.org", password=PASSWORD, first_name="Admin", last_name="User"
    )
    assert (admin.is_staff, admin.is_superuser, admin.is_super_admin) == (True, True, True)
    assert admin.get_full_name() == "Admin User"
    assert User.get_super_admin() == admin


@pytest.mark.parametrize("role", ["is_staff", "is_superuser", "is_super_admin"])
def test_a_superuser_without_a_role_is_refused(role: str) -> None:
    fields: dict[str, Any] = {role: False}
    with pytest.raises(ValueError, match=role):
        User.objects.create_superuser(email="a@example.org", password=PASSWORD, **fields)
    assert not User.objects.exists()


def test_a_superuser_needs_an_address() -> None:
    """Without one, signing in is not possible."""
    with pytest.raises(ValueError, match="address"):
        User.objects.create_superuser(email="", password=PASSWORD)


def test_a_missing_super_admin_is_an_error() -> None:
    """The error says how to create one."""
    new_user("a")
    with pytest.raises(User.DoesNotExist, match="createsuperuser"):
        User.get_super_admin()


def test_the_first_active_super_admin_is_found() -> None:
    """Inactive ones are skipped."""
    new_user("gone", is_super_admin=True, is_active=False)
    second = new_user("second", is_super_admin=True)
    new_user("third", is_super_admin=True)
    assert User.get_super_admin() == second


@pytest.mark.parametrize(
    ("first", "last", "full", "shown"),
    [
        ("Ada", "Lovelace", "Ada Lovelace", "Ada Lovelace"),
        ("Ada", None, "Ada", "Ada"),
        (None, "Lovelace", "Lovelace", "Lovelace"),
        (None, None, "", "a@example.org"),
    ],
)
def test_a_full_name_leaves_missing_parts_out(
    first: str | None, last: str | None, full: str, shown: str
) -> None:
    """Without any name the address is shown."""
    user = User(email="a@example.org", first_name=first, last_name=last)
    assert user.get_full_name() == full
    assert str(user) == shown


def test_teams_of_a_user_are_those_they_are_in_or_administer(owner: User, buyer: User) -> None:
    """Each team is found once."""
    mine = owner.create_team("Mine")
    administered = Team.objects.create(name="Administered", admin_user=owner)
    joined = buyer.create_team("Joined")
    joined.users.add(owner)
    buyer.create_team("Other")
    assert set(owner.get_user_teams()) == {mine, administered, joined}
    assert owner.get_user_teams().count() == 3


def test_create_team_makes_the_user_its_admin_and_member(owner: User) -> None:
    """The user also gets the team's permission."""
    team = owner.create_team("Mine")
    assert team.admin_user == owner
    assert list(team.users.all()) == [owner]
    assert team.permission is not None
    assert owner.has_perm(f"models.{team.permission.codename}")


def test_a_second_team_with_the_same_name_is_refused(owner: User, buyer: User) -> None:
    """Another user can use the name."""
    owner.create_team("Mine")
    with pytest.raises(ValidationError, match="already"):
        owner.create_team("Mine")
    buyer.create_team("Mine")
    assert Team.objects.filter(name="Mine").count() == 2


def test_saving_does_not_write_balances(owner: User) -> None:
    """Neither a stale object nor a changed one."""
    Credit.objects.create(user=owner, amount=100.00)
    before = User.objects.values_list(*BALANCES).get(pk=owner.pk)
    owner.user_balance = owner.user_ixioo_balance = owner.coupon_balance = Decimal(999)
    owner.first_name = "Ada"
    owner.save()
    assert User.objects.values_list(*BALANCES).get(pk=owner.pk) == before
    assert User.objects.get(pk=owner.pk).first_name == "Ada"


@pytest.mark.parametrize("balance", BALANCES)
def test_a_new_user_has_no_balance(balance: str) -> None:
    """A balance that was given is ignored, and after saving the object shows the stored one."""
    user = new_user("a", **{balance: Decimal(50)})
    assert getattr(user, balance) == ZERO
    assert getattr(User.objects.get(pk=user.pk), balance) == ZERO


def test_users_created_in_bulk_have_no_balance() -> None:
    User.objects.bulk_create([User(email=f"{n}@example.org", user_balance=Decimal(n)) for n in (1, 2)])
    assert list(User.objects.values_list("user_balance", flat=True)) == [ZERO, ZERO]


@pytest.mark.parametrize("balance", BALANCES)
def test_naming_a_balance_to_be_written_is_refused(owner: User, balance: str) -> None:
    """The error says what to do instead."""
    five: Any = {balance: Decimal(5)}
    setattr(owner, balance, Decimal(5))
    writes: list[Callable[[], Any]] = [
        lambda: owner.save(update_fields=[balance]),
        lambda: User.objects.update(**five),
        lambda: User.objects.filter(pk=owner.pk).update(**{balance: models.F(balance) + 5}),
        lambda: User.objects.bulk_update([owner], [balance]),
        lambda: User.objects.update_or_create(defaults=five, pk=owner.pk),
        lambda: User.objects.bulk_create(
            [owner], update_conflicts=True, update_fields=[balance], unique_fields=["id"]
        ),
        lambda: User._base_manager.update(**five),
    ]
    for number, write in enumerate(writes):
        with pytest.raises(ImmutableRecord, match=balance) as refused, transaction.atomic():
            write()
        assert "Credit.objects.create" in str(refused.value), number
    assert User.objects.values_list(balance, flat=True).get(pk=owner.pk) == ZERO


def test_a_fixture_does_not_write_balances(owner: User) -> None:
    """The stored balances are kept."""
    owner.user_balance = Decimal(77)
    dumped = serializers.serialize("json", [owner])
    for loaded in serializers.deserialize("json", dumped):
        loaded.save()
    assert User.objects.get(pk=owner.pk).user_balance == ZERO


def test_balances_are_shown_as_money(owner: User) -> None:
    """Dollars have two decimals, and tokens all that are not zero."""
    owner.user_balance, owner.coupon_balance = Decimal("1.5"), Decimal(2)
    owner.user_ixioo_balance = Decimal("0.00000001")
    assert owner.user_balance_money == Money("1.5", "USD")
    assert owner.coupon_balance_money == Money(2, "USD")
    assert str(owner.user_ixioo_balance_money) == "0.00000001 EAML"


def test_a_user_without_bills_was_never_billed(owner: User) -> None:
    """The time of the last bill is None."""
    assert owner.last_billing_time is None


def test_deleting_a_user_deletes_their_machines_and_teams(owner: User, buyer: User) -> None:
    """It also deletes the networks and the teams' permissions."""
    team = owner.create_team("Mine")
    theirs = new_machine(buyer, machine_owner_team=team)
    mine = new_machine(owner)
    mine.training_nn_model_extfield = b"network"
    mine.save()
    permission = team.permission
    assert permission is not None
    owner.delete()
    assert not Machine.objects.filter(pk=mine.pk).exists()
    assert not NNModel.objects.exists()
    assert not type(permission).objects.filter(pk=permission.pk).exists()
    assert list(User.objects.all()) == [buyer]
    theirs.refresh_from_db()
    assert theirs.machine_owner_team is None


def test_a_user_with_money_cannot_be_deleted(owner: User, buyer: User) -> None:
    """Neither alone nor together with others; and none of their rows is deleted."""
    new_machine(owner)
    Credit.objects.create(user=owner, amount=Decimal("0.00000001"))
    writes: list[Callable[[], Any]] = [
        owner.delete,
        User.objects.all().delete,
        User.objects.filter(pk=owner.pk).delete,
    ]
    for write in writes:
        with pytest.raises(Exception, match=str(owner.pk)), transaction.atomic():
            write()
    assert User.objects.filter(pk__in=[owner.pk, buyer.pk]).count() == 2
    assert Machine.objects.filter(machine_owner_user=owner).exists()


def test_a_user_who_was_never_saved_cannot_be_deleted() -> None:
    with pytest.raises(ValueError, match="never saved"):
        User(email="a@example.org").delete()
