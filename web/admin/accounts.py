"""Pages of accounts, the platform's balances, holds, coupons and coupon codes."""

from decimal import Decimal
from typing import Any

from django.contrib import admin
from django.db.models import Case, Expression, QuerySet, Value, When
from django.http import HttpRequest
from django.utils import timezone
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import FieldTextFilter

from ledger.domain.chart import ESCROW, PLATFORM_ACCOUNTS, USER_ACCOUNTS
from ledger.domain.codec import decode_hold
from ledger.domain.holds import Hold
from ledger.domain.money import ZERO
from ledger.models import Account, CouponCode, CouponGrant, HeldFunds
from ledger.requests.coupons import CREATE_CODE, GRANT_COUPON, REDEEM_CODE, WITHDRAW_CODE
from ledger.requests.holds import CAPTURE_HOLD, PLACE_HOLD, VOID_HOLD
from projections.models import PlatformBalance
from web.admin.command_pages.button import command_button
from web.admin.formatting import amount, pretty_json, utc_time
from web.admin.overdue import expired_coupons, expired_holds
from web.admin.pages import ActionsInState, ReadOnlyAdmin, UserOwnedAdmin


class AccountKindFilter(admin.SimpleListFilter):
    """Filters by the kinds of the chart of accounts."""

    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        kinds = dict.fromkeys(account.kind for account in (*USER_ACCOUNTS, ESCROW, *PLATFORM_ACCOUNTS))
        return [(kind, kind) for kind in kinds]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Account]) -> QuerySet[Account]:
        del request
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(Account)
class AccountAdmin(UserOwnedAdmin):
    """Shows every account. Those of the platform store no balance: see `PlatformBalanceAdmin`."""

    list_display = ("code", "kind", "shown_balance", "shown_held", "available", "version", "position")
    list_filter = (AccountKindFilter,)
    search_help_text = "Account code, user ID or email address"
    ordering = ("id",)
    fields = readonly_fields = (
        "code",
        "kind",
        "user",
        "normal_side",
        "shown_balance",
        "shown_held",
        "available",
        "shown_limit",
        "version",
        "position",
        "recorded",
    )

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        return rows.filter(code=term) if ":" in term else super().search(rows, term)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        accounts: QuerySet[Any] = super().get_queryset(request)
        annotated: QuerySet[Any] = accounts.annotate(
            expired_coupons=_only_on("user:coupon", expired_coupons("user_id")),
            expired_holds=_only_on("user:eaml", expired_holds("user_id")),
        )
        return annotated

    @admin.display(description="balance", ordering="balance")
    def shown_balance(self, account: Any) -> str:
        return amount(_balance(account), account.currency)

    @admin.display(description="held")
    def shown_held(self, account: Any) -> str:
        return amount(_held(account), account.currency)

    @admin.display(description="available")
    def available(self, account: Any) -> str:
        balance, held = _balance(account), _held(account)
        return amount(None if balance is None or held is None else balance - held, account.currency)

    @admin.display(description="credit limit")
    def shown_limit(self, account: Account) -> str:
        return amount(account.credit_limit, account.currency)

    @admin.display(description="last changed")
    def recorded(self, account: Account) -> str:
        return utc_time(account.recorded_at)


def _only_on(kind: str, expired: Expression) -> Case:
    return Case(When(kind=kind, then=expired), default=Value(ZERO))


def _balance(account: Any) -> Decimal | None:
    """Return the balance without expired coupons; None for the platform's accounts, which store none."""
    return None if account.user_id is None else account.balance - account.expired_coupons


def _held(account: Any) -> Decimal | None:
    """Return what is held without expired holds; None for the platform's accounts."""
    return None if account.user_id is None else account.held - account.expired_holds


@admin.register(PlatformBalance)
class PlatformBalanceAdmin(ReadOnlyAdmin):
    """Shows the platform's balances as of the position that their projection has reached."""

    list_display = ("code", "shown_debits", "shown_credits", "shown_balance")
    fields = readonly_fields = list_display

    @admin.display(description="debits")
    def shown_debits(self, account: PlatformBalance) -> str:
        return amount(account.debits, account.currency)

    @admin.display(description="credits")
    def shown_credits(self, account: PlatformBalance) -> str:
        return amount(account.credits, account.currency)

    @admin.display(description="balance")
    def shown_balance(self, account: PlatformBalance) -> str:
        return amount(account.balance, account.currency)


@admin.register(HeldFunds)
class HoldAdmin(ActionsInState, UserOwnedAdmin):
    """Shows holds: EAML set aside for work that runs."""

    action_state = "open"
    actions_list = ("place_hold",)
    actions_detail = actions_row = ("capture_hold", "void_hold")
    place_hold = command_button(PLACE_HOLD, icon="lock")
    capture_hold = command_button(CAPTURE_HOLD, fills="hold", icon="task_alt")
    void_hold = command_button(VOID_HOLD, fills="hold", icon="lock_open")

    list_display = ("id", "shown_state", "user", "left", "expires")
    list_filter = (("state", FieldTextFilter),)
    fields = readonly_fields = (*list_display, "stored_state")

    @admin.display(description="state", ordering="state")
    def shown_state(self, hold: HeldFunds) -> str:
        return _hold(hold).state

    @admin.display(description="still held")
    def left(self, hold: HeldFunds) -> str:
        return amount(_hold(hold).remaining, "EAML")

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, hold: HeldFunds) -> str:
        return utc_time(hold.expires_at)

    @admin.display(description="stored state")
    def stored_state(self, hold: HeldFunds) -> SafeString:
        return pretty_json(hold.kept)


def _hold(row: HeldFunds) -> Hold:
    """Return the hold as of now: expired once its time is over, swept or not."""
    return decode_hold(str(row.id), row.kept).as_of(timezone.now())


@admin.register(CouponGrant)
class GrantAdmin(UserOwnedAdmin):
    """Shows coupons: promotional credit of users."""

    actions_list = ("grant_coupon",)
    grant_coupon = command_button(GRANT_COUPON, icon="redeem")

    list_display = ("id", "user", "left", "code", "expires")
    fields = readonly_fields = (*list_display, "stored_state")

    @admin.display(description="left", ordering="remaining")
    def left(self, grant: CouponGrant) -> str:
        expired = grant.expires_at is not None and grant.expires_at <= timezone.now()
        return amount(ZERO if expired else grant.remaining, "USD")

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, grant: CouponGrant) -> str:
        return utc_time(grant.expires_at)

    @admin.display(description="stored state")
    def stored_state(self, grant: CouponGrant) -> SafeString:
        return pretty_json(grant.kept)


@admin.register(CouponCode)
class CouponCodeAdmin(ReadOnlyAdmin):
    """Shows the codes that users redeem for promotional credit."""

    actions_list = ("offer_code", "redeem_code")
    actions_detail = actions_row = ("redeem_this_code", "withdraw_this_code")
    offer_code = command_button(CREATE_CODE, icon="add")
    redeem_code = command_button(REDEEM_CODE, icon="confirmation_number")
    redeem_this_code = command_button(REDEEM_CODE, fills="code", icon="confirmation_number")
    withdraw_this_code = command_button(WITHDRAW_CODE, fills="code", icon="block")

    list_display = ("code", "shown_amount", "redemptions", "redemptions_max", "until", "withdrawn")
    fields = readonly_fields = (*list_display, "priority", "kinds", "valid_days")
    search_fields = ("code",)

    @admin.display(description="amount")
    def shown_amount(self, code: CouponCode) -> str:
        return amount(code.amount, "USD")

    @admin.display(description="redeemable until")
    def until(self, code: CouponCode) -> str:
        return utc_time(code.redeem_until)

    @admin.display(description="withdrawn", ordering="withdrawn_at")
    def withdrawn(self, code: CouponCode) -> str:
        return utc_time(code.withdrawn_at)
