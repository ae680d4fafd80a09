"""Users: who they are is edited here, what they have is only shown."""

from typing import Any, Final

from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest
from unfold.admin import ModelAdmin
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from ledger.domain.money import EAML, USD, ZERO
from ledger.models import Account
from models import User
from projections.admin.overdue import expired_coupons, expired_holds
from projections.admin.records import amount, amounts

_BALANCES: Final = ("usd", "eaml", "coupons", "due", "held", "last_billing_time")


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


@admin.register(User)
class UserAdmin(DjangoUserAdmin, ModelAdmin):  # type: ignore[misc,type-arg]  # unfold ships no types
    """Balances follow from entries: an adjustment or an operation changes them, nothing on this page."""

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
    filter_horizontal = ()
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
        ("Roles", {"fields": ("is_active", "is_staff", "is_superuser", "is_super_admin")}),
        ("Dates", {"fields": ("date_joined", "last_login")}),
    )
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

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """A user is made inactive; deleting one closes accounts and takes billing rows with it."""
        del request, obj
        return False

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


def _of_account(kind: str, column: str) -> Subquery:
    return Subquery(Account.objects.filter(user_id=OuterRef("pk"), kind=kind).values(column)[:1])
