"""Pages of users, whose profile and roles are edited here and whose balances are read-only, and of groups."""

from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from django.contrib import admin
from django.contrib.admin.checks import ModelAdminChecks
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ledger.domain.chart import currency_of_name
from ledger.domain.money import EAML, USD, ZERO
from ledger.models import Account
from ledger.queries import dues
from ledger.queries.balances import balances
from ledger.requests.accounts import ADJUST, SET_CREDIT_LIMIT
from ledger.requests.coupons import GRANT_COUPON, REDEEM_CODE
from ledger.requests.holds import PLACE_HOLD
from ledger.requests.payouts import REQUEST_PAYOUT
from ledger.requests.tariffs import OVERRIDE_TARIFF
from models import User
from models.access import may_manage_account
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, amounts, table, utc_time
from web.admin.overdue import expired_coupons, expired_holds

_ROLES: Final = ("is_staff", "is_superuser", "is_super_admin", "groups", "user_permissions")
_BALANCES: Final = ("accounts", "dues", "last_billing_time")


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold ships no types
    """The form of a new user: an address and a password."""

    class Meta:
        model = User
        fields = ("email",)


class ChangedUserForm(UserChangeForm):  # type: ignore[misc]  # unfold ships no types
    """The form of an existing user."""

    class Meta:
        model = User
        fields = "__all__"


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Shows groups of staff with their permissions. Superusers edit them, because a group gives rights."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.is_superuser)

    def has_change_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        del obj
        return bool(request.user.is_superuser)

    def has_delete_permission(self, request: HttpRequest, obj: Group | None = None) -> bool:
        del obj
        return bool(request.user.is_superuser)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # unfold ships no types
    """Shows and edits users. Balances follow from entries: only operations and adjustments change them."""

    checks_class = ModelAdminChecks  # see `ReadOnlyAdmin`
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("id", "email", "usd", "eaml", "coupons", "due", "held")
    list_display_links = ("id", "email")
    list_filter = ("is_active", "is_staff")
    show_full_result_count = False
    search_fields = ("email", "first_name", "last_name")
    search_help_text = "Email address or name"
    ordering = ("id",)
    filter_horizontal = ("groups", "user_permissions")
    readonly_fields = (*_BALANCES, "date_joined", "last_login")
    fieldsets = (
        (None, {"fields": ("email", "password", "first_name", "last_name", "user_profile")}),
        ("Balances", {"fields": _BALANCES}),
        (
            "Formats",
            {
                "fields": (
                    "time_format",
                    "date_format",
                    "date_separator",
                    "datetime_separator",
                    "decimal_separator",
                ),
            },
        ),
        ("Roles", {"fields": ("is_active", *_ROLES)}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
    actions_detail = (
        {
            "title": "Money",
            "icon": "payments",
            "items": (
                "adjust",
                "write_off",
                "grant_coupon",
                "redeem_code",
                "request_payout",
                "place_hold",
                "override_tariff",
                "set_credit_limit",
            ),
        },
    )
    adjust = command_button(ADJUST, fills="operation_user", icon="balance")
    write_off = command_button(
        ADJUST,
        fills="operation_user",
        title="Write off a debt",
        icon="contract_delete",
        account="due:eaml",
        direction="down",
        reason_code="write-off",
    )
    grant_coupon = command_button(GRANT_COUPON, fills="operation_user", icon="redeem")
    redeem_code = command_button(REDEEM_CODE, fills="operation_user", icon="confirmation_number")
    request_payout = command_button(REQUEST_PAYOUT, fills="operation_user", icon="outbox")
    override_tariff = command_button(OVERRIDE_TARIFF, fills="user", icon="sell")
    place_hold = command_button(PLACE_HOLD, fills="operation_user", icon="lock")
    set_credit_limit = command_button(SET_CREDIT_LIMIT, fills="user", icon="speed")
    add_fieldsets = ((None, {"classes": ("wide",), "fields": ("email", "password1", "password2")}),)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        users: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = users.annotate(
            due_usd=_of_account("user:due:usd", "balance"),
            due_eaml=_of_account("user:due:eaml", "balance"),
            held_usd=_of_account("user:usd", "held"),
            held_eaml=_of_account("user:eaml", "held"),
            expired_coupons=expired_coupons("pk"),
            expired_holds=expired_holds("pk"),
        )
        return annotated

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        """Return the fields; roles are read-only unless the viewer is a superuser.

        Otherwise staff who may change users could give themselves every permission.
        """
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *_ROLES)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return whether the viewer may change the user, and the password on a page of its own."""
        allowed = super().has_change_permission(request, obj)
        return bool(allowed and (obj is None or may_manage_account(request.user, obj)))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Return False: deleting a user closes accounts and deletes billing rows. Deactivate them instead."""
        del request, obj
        return False

    @admin.display(description="accounts")
    def accounts(self, user: User) -> str:
        found = balances(user.pk, at=timezone.now())
        if found is None:
            return "–"
        return table(
            ("account", "balance", "held", "available"),
            [
                (
                    name,
                    *(amount(value, currency_of_name(name)) for value in (of.balance, of.held, of.available)),
                )
                for name, of in found.accounts.items()
            ],
        )

    @admin.display(description="due, by age")
    def dues(self, user: User) -> str:
        found = dues.dues_of(user.pk, at=timezone.now())
        if found is None:
            return "–"
        ends = dues.AGES_DAYS
        ages = (
            f"0–{ends[0]} days",
            *(f"{younger + 1}–{older} days" for younger, older in pairwise(ends)),
            f"over {ends[-1]} days",
        )
        columns = [
            (
                currency,
                *(amount(part, currency) if due.balance else "–" for part in due.by_age),
                utc_time(due.oldest),
                _limit(currency, due.credit_limit),
            )
            for currency, due in found.items()
        ]
        head, *rows = zip(("age", *ages, "oldest", "credit limit"), *columns, strict=True)
        return table(head, rows)

    @admin.display(description="USD", ordering="user_balance")
    def usd(self, user: User) -> str:
        return amount(user.user_balance, "USD")

    @admin.display(description="EAML", ordering="user_ixioo_balance")
    def eaml(self, user: User) -> str:
        return amount(user.user_ixioo_balance, "EAML")

    @admin.display(description="coupons", ordering="coupon_balance")
    def coupons(self, user: User) -> str:
        return amount(user.coupon_balance - getattr(user, "expired_coupons", ZERO), "USD")

    @admin.display(description="due")
    def due(self, user: User) -> str:
        return amounts([("", getattr(user, f"due_{name.lower()}", None), name) for name in (USD, EAML)])

    @admin.display(description="held")
    def held(self, user: User) -> str:
        usd, eaml = getattr(user, "held_usd", None), getattr(user, "held_eaml", None)
        if eaml is not None:
            eaml -= getattr(user, "expired_holds", ZERO)
        return amounts([("", usd, USD), ("", eaml, EAML)])


def _limit(currency: str, own: Decimal | None) -> str:
    """Return the credit limit to show: only EAML, for compute, is ever due on credit."""
    if currency != EAML:
        return "–"
    return "the tariff's" if own is None else amount(own, EAML)


def _of_account(kind: str, column: str) -> Subquery:
    return Subquery(Account.objects.filter(user_id=OuterRef("pk"), kind=kind).values(column)[:1])
