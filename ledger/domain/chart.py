"""The chart of accounts: codes, kinds, normal sides, and which kinds may meet in a transfer."""

from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from ledger.domain.money import EAML, USD, Currency

Side: TypeAlias = Literal["D", "C"]

DEBIT: Final = "D"
CREDIT: Final = "C"


class UserAccount(NamedTuple):
    """One of the accounts that every user has. The code is `user:<id>:<name>`."""

    name: str
    kind: str
    currency: Currency
    normal_side: Side


# What a user has is owed to him (credit normal); what he owes is the platform's claim (debit normal).
USER_ACCOUNTS: Final = (
    UserAccount("usd", "user:usd", USD, "C"),
    UserAccount("eaml", "user:eaml", EAML, "C"),
    UserAccount("coupon", "user:coupon", USD, "C"),
    UserAccount("due:usd", "user:due:usd", USD, "D"),
    UserAccount("due:eaml", "user:due:eaml", EAML, "D"),
)

ESCROW: Final = UserAccount("escrow", "escrow", USD, "C")
"""Of each consulting contract, locked with its client's accounts. The code is `escrow:<contract>`."""


class PlatformAccount(NamedTuple):
    """An account of the platform: may run either way, never locked, holds no stored balance.

    Its id is fixed here, below every user account's, so that nobody ever looks it up.
    """

    id: int
    code: str
    kind: str
    currency: Currency
    normal_side: Side


PLATFORM_ACCOUNTS: Final = (
    PlatformAccount(1, "platform:revenue:eaml", "platform:revenue", EAML, "C"),
    PlatformAccount(2, "platform:revenue:usd", "platform:revenue", USD, "C"),
    PlatformAccount(3, "platform:revenue:commission:usd", "platform:commission", USD, "C"),
    PlatformAccount(4, "platform:promotions:usd", "platform:promotions", USD, "D"),
    PlatformAccount(5, "platform:manual:usd", "platform:manual", USD, "D"),
    PlatformAccount(6, "platform:manual:eaml", "platform:manual", EAML, "D"),
    PlatformAccount(7, "platform:losses:usd", "platform:losses", USD, "D"),
    PlatformAccount(8, "platform:losses:eaml", "platform:losses", EAML, "D"),
    PlatformAccount(9, "treasury:eaml", "treasury", EAML, "D"),
    PlatformAccount(10, "clearing:payments:usd", "clearing", USD, "D"),
    PlatformAccount(11, "equity:opening:usd", "equity", USD, "C"),
    PlatformAccount(12, "equity:opening:eaml", "equity", EAML, "C"),
)

USER_ACCOUNT_IDS_FROM: Final = 1000
PLATFORM_IDS: Final = {account.code: account.id for account in PLATFORM_ACCOUNTS}

REVENUE_EAML: Final = "platform:revenue:eaml"
REVENUE_USD: Final = "platform:revenue:usd"
COMMISSION_USD: Final = "platform:revenue:commission:usd"
PROMOTIONS_USD: Final = "platform:promotions:usd"
TREASURY_EAML: Final = "treasury:eaml"
CLEARING_USD: Final = "clearing:payments:usd"
OPENING_USD: Final = "equity:opening:usd"
OPENING_EAML: Final = "equity:opening:eaml"


def user_account(user: int, name: str) -> str:
    """The code of a user's account: `user:42:usd`."""
    return f"user:{user}:{name}"


def escrow_account(contract: int) -> str:
    """The code of a contract's escrow: `escrow:17`."""
    return f"{ESCROW.name}:{contract}"


def is_escrow(code: str) -> bool:
    """Whether a code is that of a contract's escrow."""
    return code.startswith("escrow:")


class Transfer(NamedTuple):
    """A pair: one Debit and one Credit of the same amount (> 0, 8 decimals) and currency."""

    debit: str
    credit: str
    currency: Currency
    amount: Decimal


def _pairs() -> frozenset[tuple[str, str, str]]:
    compute = {("user:eaml", "platform:revenue"), ("user:due:eaml", "platform:revenue")}
    sale = {("user:usd", "user:usd"), ("user:usd", "platform:commission"), ("user:usd", "user:due:usd")}
    funds = ("user:usd", "user:eaml", "user:due:usd", "user:due:eaml")
    settling = {("user:usd", "user:due:usd"), ("user:eaml", "user:due:eaml")}
    allowed = {
        "training": compute,
        "solving": compute,
        "solving_with_api": compute,
        "solving_with_api_market": sale,
        "buy_data_source": sale,
        "machine_copy": sale,
        "machine_copy_update": sale,
        "credit_from_user": {("clearing", "user:usd"), ("user:usd", "user:due:usd")},
        "pay_a_bill": {
            ("user:coupon", "platform:revenue"),
            ("user:usd", "platform:revenue"),
            ("treasury", "user:eaml"),
            ("user:eaml", "user:due:eaml"),
        },
        "adjustment": {
            *((kind, "platform:manual") for kind in funds),
            *(("platform:manual", kind) for kind in funds),
            ("platform:losses", "user:due:usd"),
            ("platform:losses", "user:due:eaml"),
            ("platform:promotions", "user:coupon"),
            ("user:coupon", "platform:promotions"),
            *settling,
        },
        "payout": {("user:usd", "clearing")},
        # What a user has spent is due; what one who is gone had is lost.
        "chargeback": {
            ("user:usd", "clearing"),
            ("user:due:usd", "clearing"),
            ("platform:losses", "clearing"),
        },
        "consulting_contract": {("user:usd", "escrow")},
        "consulting_payment": {
            ("escrow", "user:usd"),
            ("escrow", "platform:commission"),
            ("user:usd", "user:due:usd"),
        },
        "consulting_return": {("escrow", "user:usd"), ("user:usd", "user:due:usd")},
        "coupon_grant": {("platform:promotions", "user:coupon")},
        "coupon_expiry": {("user:coupon", "platform:promotions")},
        "opening_balance": {
            ("equity", "user:usd"),
            ("equity", "user:eaml"),
            ("equity", "user:coupon"),
            ("user:due:usd", "equity"),
            ("user:due:eaml", "equity"),
        },
    }
    # A reversal swaps the pairs of what it takes back; what its payee has spent is due or lost, and
    # money that comes back settles what is due.
    allowed["reversal"] = {
        *((credit, debit) for pairs in allowed.values() for debit, credit in pairs),
        ("user:due:usd", "user:usd"),
        ("user:due:usd", "clearing"),
        ("user:due:eaml", "treasury"),
        ("platform:losses", "user:usd"),
        ("platform:revenue", "platform:promotions"),
        ("user:due:usd", "platform:manual"),
        ("user:due:eaml", "platform:manual"),
        *settling,
    }
    return frozenset((kind, debit, credit) for kind, pairs in allowed.items() for debit, credit in pairs)


ALLOWED_PAIRS: Final = _pairs()
"""(operation kind, debited account's kind, credited account's kind): every other pair is refused."""
