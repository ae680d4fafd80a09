"""Users: who they are is edited here, what they have is only shown."""

from decimal import Decimal
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
from ledger.queries import debts
from ledger.queries.balances import balances
from models import User
from web.admin.command_pages import accounts, adjustments, coupons, holds, payouts, tariffs
from web.admin.command_pages.button import opens
from web.admin.overdue import expired_coupons, expired_holds
from web.admin.pages import amount, amounts, moment, table

_ROLES: Final = ("is_staff", "is_superuser", "is_super_admin", "groups", "user_permissions")
_BALANCES: Final = ("accounts", "dues", "last_billing_time")


class NewUserForm(UserCreationForm):  # type: ignore[misc]  # unfold ships no types
    """An address and a password."""

    class Meta:
        model = User
        fields = ("email",)


class ChangedUserForm(UserChangeForm):  # type: ignore[misc]  # unfold ships no types
    """What may be changed of a user."""

    class Meta:
        model = User
        fields = "__all__"


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, ModelAdmin):  # type: ignore[misc]  # unfold ships no types
    """Which doors a group of staff may open, and which pages it sees."""


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # unfold ships no types
    """Balances follow from entries: an adjustment or an operation changes them, nothing on this page."""

    checks_class = ModelAdminChecks  # see RecordAdmin
    form = ChangedUserForm
    add_form = NewUserForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("id", "email", "usd", "eaml", "coupons", "due", "held")
    list_display_links = ("id", "email")
    list_filter = ("is_active", "is_staff")
    show_full_result_count = False
    search_fields = ("email", "first_name", "last_name")
    search_help_text = "address or name"
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
    adjust = opens(adjustments.Adjust, fills="operation_user", icon="balance")
    write_off = opens(
        adjustments.Adjust,
        fills="operation_user",
        title="Write off what is due",
        icon="contract_delete",
        account="due:eaml",
        direction="down",
        reason_code="write-off",
    )
    grant_coupon = opens(coupons.GrantCoupon, fills="operation_user", icon="redeem")
    redeem_code = opens(coupons.RedeemCode, fills="operation_user", icon="confirmation_number")
    request_payout = opens(payouts.RequestPayout, fills="operation_user", icon="outbox")
    override_tariff = opens(tariffs.OverrideTariff, fills="user", icon="sell")
    place_hold = opens(holds.PlaceHold, fills="operation_user", icon="lock")
    set_credit_limit = opens(accounts.SetCreditLimit, fills="operation_user", icon="speed")
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
        """Only a superuser says who may do what; others could open every door to themselves."""
        fields = tuple(super().get_readonly_fields(request, obj))
        return fields if request.user.is_superuser else (*fields, *_ROLES)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Of staff only a superuser: a new password or address would make two people one."""
        allowed = super().has_change_permission(request, obj)
        plain = obj is None or not (obj.is_staff or obj.is_superuser)
        return bool(allowed and (plain or request.user.is_superuser))

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A user is made inactive; deleting one closes accounts and takes billing rows with it."""
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

    @admin.display(description="due, by age in days")
    def dues(self, user: User) -> str:
        found = debts.dues(user.pk, at=timezone.now())
        if found is None:
            return "–"
        ends = debts.AGES_DAYS
        ages = (f"to {ends[0]}", *(f"to {end}" for end in ends[1:]), "older")
        return table(
            ("due in", *ages, "since", "credit limit"),
            [
                (
                    currency,
                    *(amount(part, currency) if due.balance else "–" for part in due.by_age),
                    moment(due.oldest),
                    _limit(currency, due.credit_limit),
                )
                for currency, due in found.items()
            ],
        )

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
    """Only compute is ever due on credit."""
    if currency != EAML:
        return "–"
    return "the tariff's" if own is None else amount(own, EAML)


def _of_account(kind: str, column: str) -> Subquery:
    return Subquery(Account.objects.filter(user_id=OuterRef("pk"), kind=kind).values(column)[:1])
