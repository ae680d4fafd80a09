"""The user, who signs in by email and has three balances that only the ledger writes.

Teams, machines and billing rows refer to the user by name (``"models.User"``), because this module
imports those tables: a user creates teams, and deleting a user deletes their machines and teams.
"""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.core.validators import EmailValidator, MinValueValidator
from django.db import models, transaction
from django.db.models.base import ModelBase
from django.db.models.functions import Lower

from models.billing import Entry, Operation
from models.deletion import DeletedAsQuerySet, total_deleted
from models.errors import ImmutableRecord
from models.ledger_post import is_installed, ledger
from models.machine import Machine
from models.money import EAML, USD, money
from models.team import Team
from models.validation import ValidatedModel

if TYPE_CHECKING:
    from djmoney.money import Money

BALANCES = ("user_balance", "user_ixioo_balance", "coupon_balance")

_ZERO = Decimal(0)
_INSTEAD = (
    "Balances follow from the entries: record an operation, or post an adjustment with "
    "Credit.objects.create(user=..., amount=...) and its siblings."
)


class UserQuerySet(models.QuerySet["User"]):
    """A queryset that never writes a balance, and that closes the accounts of users before deleting them."""

    def update(self, **kwargs: Any) -> int:
        _refuse_balances("update()", kwargs)
        return super().update(**kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(self, objs: Iterable["User"], *args: Any, **kwargs: Any) -> list["User"]:
        _refuse_balances("bulk_create(update_fields=...)", kwargs.get("update_fields") or ())
        return super().bulk_create(objs, *args, **kwargs)

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the users with their machines and teams; raise if an account of one has a balance."""
        ids = sorted(self.values_list("pk", flat=True))  # the order in which accounts are locked
        # In one transaction, so that nothing is paid to a closed account before its user is deleted.
        with transaction.atomic(using=self.db):
            for user_id in ids:
                _close_accounts(user_id)
            # Machines and teams first, by their own querysets, which delete what belongs only to them.
            parts = [
                Machine.objects.using(self.db).filter(machine_owner_user__in=ids).delete(),
                Team.objects.using(self.db).filter(admin_user__in=ids).delete(),
                super(UserQuerySet, self.filter(pk__in=ids)).delete(),
            ]
        return total_deleted(parts)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    # Every write of Django ends in one of these two methods: saving, creating in bulk, loading fixtures.
    # They leave the balances of a user object out, whether stale or changed.

    def _insert(self, objs: Any, fields: Any, *args: Any, **kwargs: Any) -> Any:
        kept = [field for field in fields if field.name not in BALANCES]
        return super()._insert(objs, kept, *args, **kwargs)  # type: ignore[misc]

    _insert.alters_data = True  # type: ignore[attr-defined]
    _insert.queryset_only = False  # type: ignore[attr-defined]

    def _update(self, values: Any) -> int:
        kept = [value for value in values if value[0].name not in BALANCES]
        return super()._update(kept)  # type: ignore[misc,no-any-return]

    _update.alters_data = True  # type: ignore[attr-defined]
    _update.queryset_only = False  # type: ignore[attr-defined]

    def with_address(self, email: str) -> Self:
        """Return the user with this email address, in upper or lower case, as a queryset of at most one."""
        return self.alias(address=Lower("email")).filter(address=Lower(models.Value(email)))


class UserManager(BaseUserManager.from_queryset(UserQuerySet)):  # type: ignore[misc]
    """Manager that creates users by their email address."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user with this email address, in upper or lower case. Raises ``User.DoesNotExist``."""
        user: User = self.with_address(username or "").get()
        return user

    def create_user(
        self, email: str | None = None, password: str | None = None, **extra_fields: Any
    ) -> "User":
        """Create a user. Without a password the user cannot sign in with one.

        Raises:
            django.core.exceptions.ValidationError: the address is invalid, or a choice is unknown.
        """
        user = self.model(email=self.normalize_email(email) or None, **extra_fields)
        user.set_password(password)
        user.save(using=self._db)
        return user  # type: ignore[no-any-return]

    def create_superuser(
        self,
        email: str,
        password: str | None,
        first_name: str | None = None,
        last_name: str | None = None,
        **extra_fields: Any,
    ) -> "User":
        """Create a super administrator, who may do everything, including on the admin pages.

        Raises:
            ValueError: a role is set to false, or there is no address.
        """
        roles = {"is_staff": True, "is_superuser": True, "is_super_admin": True}
        for name in roles:
            if not extra_fields.setdefault(name, True):
                raise ValueError(f"A superuser must have {name}=True.")
        if not email:
            raise ValueError("A superuser needs an email address.")
        return self.create_user(email, password, first_name=first_name, last_name=last_name, **extra_fields)


class User(DeletedAsQuerySet, ValidatedModel, AbstractBaseUser, PermissionsMixin):
    """A person who owns machines, pays for operations and is paid for them."""

    # Primary authentication field (replaces username)
    email = models.EmailField(
        null=True,
        unique=True,
        validators=[EmailValidator()],
        help_text="Primary email address for authentication",
    )

    # Personal information
    first_name = models.CharField(max_length=140, null=True, blank=True)
    last_name = models.CharField(max_length=140, null=True, blank=True)
    user_profile = models.TextField(
        null=True,
        blank=True,
        help_text="User profile description and preferences",
    )

    # Time, date and number formats
    time_format = models.CharField(
        max_length=3,
        default="24H",
        choices=[("12H", "12 Hour"), ("24H", "24 Hour")],
        help_text="Preferred time format display",
    )
    date_format = models.CharField(
        max_length=3,
        default="DMY",
        choices=[("DMY", "Day-Month-Year"), ("MDY", "Month-Day-Year")],
        help_text="Preferred date format display",
    )
    date_separator = models.CharField(
        max_length=1,
        default="/",
        choices=[("/", "Slash"), ("-", "Dash"), (".", "Dot")],
        help_text="Date component separator",
    )
    datetime_separator = models.CharField(
        max_length=1,
        default=" ",
        choices=[(" ", "Space"), ("T", "T separator")],
        help_text="Date-time separator",
    )
    decimal_separator = models.CharField(
        max_length=1,
        default=",",
        choices=[(",", "Comma"), (".", "Dot")],
        help_text="Decimal number separator",
    )

    # Balances. The default is in the database too, because no INSERT names these columns.
    user_balance = models.DecimalField(
        max_digits=20,
        decimal_places=8,
        default=_ZERO,
        db_default=_ZERO,
        validators=[MinValueValidator(_ZERO)],
        help_text="USD balance for platform usage",
    )
    user_ixioo_balance = models.DecimalField(
        max_digits=20,
        decimal_places=8,
        default=_ZERO,
        db_default=_ZERO,
        validators=[MinValueValidator(_ZERO)],
        help_text="EAML token balance for advanced features",
    )
    coupon_balance = models.DecimalField(
        max_digits=20,
        decimal_places=8,
        default=_ZERO,
        db_default=_ZERO,
        validators=[MinValueValidator(_ZERO)],
        help_text="Promotional coupon balance",
    )

    # Administrative roles
    is_super_admin = models.BooleanField(
        default=False,
        help_text="Super administrator with full system access",
    )
    is_staff = models.BooleanField(
        default=False,
        help_text="Staff member with administrative access",
    )
    is_active = models.BooleanField(
        default=True,
        help_text="Active user account status",
    )

    # Audit fields (automatically managed)
    date_joined = models.DateTimeField(auto_now_add=True)
    last_login = models.DateTimeField(null=True, blank=True)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        base_manager_name = "objects"
        constraints = (
            *(
                models.CheckConstraint(
                    condition=models.Q(**{f"{name}__gte": 0}), name=f"user_{name}_not_negative"
                )
                for name in BALANCES
            ),
            # An address names one user, however it is written.
            models.UniqueConstraint(
                Lower("email"),
                name="user_email_once",
                violation_error_message="A user with this email address exists already.",
            ),
        )

    def __str__(self) -> str:
        return self.get_full_name() or self.email or f"user {self.pk}"

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Store everything except the three balances, which only the ledger writes.

        Raises:
            ImmutableRecord: ``update_fields`` names a balance.
        """
        if update_fields is not None:
            update_fields = frozenset(update_fields)
            _refuse_balances("save(update_fields=...)", update_fields)
        super().save(
            force_insert=force_insert,
            force_update=force_update,
            using=using,
            update_fields=update_fields,
        )

    def get_full_name(self) -> str:
        """Return the first and last name, without the parts that are missing."""
        return " ".join(name for name in (self.first_name, self.last_name) if name).strip()

    def get_short_name(self) -> str:
        """Return the first name, or the address if there is no first name."""
        return self.first_name or self.email or ""

    def get_user_teams(self) -> models.QuerySet[Team]:
        """Return the teams that the user is a member of or administers."""
        return Team.objects.filter(pk__in=Team.objects.ids_of(self))

    def create_team(self, team_name: str) -> Team:
        """Create a team with this user as its admin and first member.

        Raises:
            django.core.exceptions.ValidationError: the user already has a team with this name.
        """
        with transaction.atomic():
            team = Team.objects.create(name=team_name, admin_user=self)
            team.create_permission()
            team.add_user_to_team(self)
        return team

    @classmethod
    def get_super_admin(cls) -> Self:
        """Return the first active super administrator.

        Raises:
            User.DoesNotExist: there is none.
        """
        admin = cls.objects.filter(is_super_admin=True, is_active=True).order_by("pk").first()
        if admin is None:
            raise cls.DoesNotExist("There is no active super administrator: create one with createsuperuser.")
        return admin  # type: ignore[no-any-return]

    @property
    def last_billing_time(self) -> datetime | None:
        """The time at which the user last paid a bill; ``None`` before the first."""
        paid = Operation.objects.filter(operation_user=self, is_pay_a_bill_operation=True)
        return paid.order_by("-position").values_list("recorded_at", flat=True).first()

    @property
    def user_balance_money(self) -> "Money":
        """``user_balance`` with its currency, for display."""
        return money(self.user_balance, USD)

    @property
    def user_ixioo_balance_money(self) -> "Money":
        """``user_ixioo_balance`` with its currency, for display."""
        return money(self.user_ixioo_balance, EAML)

    @property
    def coupon_balance_money(self) -> "Money":
        """``coupon_balance`` with its currency, for display."""
        return money(self.coupon_balance, USD)

    def _excluded_from_checks(self, update_fields: frozenset[str] | None) -> set[str]:
        # An empty password is valid here, because it matches no input; balances are not stored from here.
        return {*super()._excluded_from_checks(update_fields), "password", *BALANCES}


def _close_accounts(user_id: int) -> None:
    # Without a ledger, only a user without entries can be deleted.
    if is_installed() or Entry.objects.filter(user=user_id).exists():
        ledger("Deleting a user").close_user(user_id=user_id)


def _refuse_balances(action: str, names: Iterable[str]) -> None:
    named = [name for name in BALANCES if name in names]
    if named:
        raise ImmutableRecord("User", f"{action} with {', '.join(named)}", _INSTEAD)
