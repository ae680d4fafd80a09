"""The chart of accounts: how codes are built and read, kinds, normal sides, and allowed pairs of kinds."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, Literal, NamedTuple, TypeAlias

from ledger.domain.money import EAML, USD, Currency

Side: TypeAlias = Literal["D", "C"]

DEBIT: Final = "D"
CREDIT: Final = "C"


class UserAccount(NamedTuple):
    """One of the accounts that every user has. Its code is `user:<id>:<name>`."""

    name: str
    kind: str
    currency: Currency
    normal_side: Side


# The platform owes a user their balances (credit normal); a due is the platform's claim (debit normal).
USER_ACCOUNTS: Final = (
    UserAccount("usd", "user:usd", USD, "C"),
    UserAccount("eaml", "user:eaml", EAML, "C"),
    UserAccount("coupon", "user:coupon", USD, "C"),
    UserAccount("due:usd", "user:due:usd", USD, "D"),
    UserAccount("due:eaml", "user:due:eaml", EAML, "D"),
)

ESCROW: Final = UserAccount("escrow", "escrow", USD, "C")
"""The account of a consulting contract, locked with the client's accounts: `escrow:<contract>`."""


class PlatformAccount(NamedTuple):
    """An account of the platform. Its balance may have either sign; it is never locked or stored.

    The id is fixed here, below the ids of all users' accounts, so that it never has to be looked up.
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
MANUAL: Final[Mapping[Currency, str]] = {USD: "platform:manual:usd", EAML: "platform:manual:eaml"}
LOSSES: Final[Mapping[Currency, str]] = {USD: "platform:losses:usd", EAML: "platform:losses:eaml"}

FUNDS: Final[Mapping[Currency, str]] = {USD: "usd", EAML: "eaml"}
"""The name of a user's account with money of a currency."""

DUES: Final[Mapping[Currency, str]] = {USD: "due:usd", EAML: "due:eaml"}
"""The name of the account with a user's debt in a currency."""

FAMILIES: Final[Mapping[str, UserAccount | PlatformAccount]] = {
    **{f"user:{account.name}": account for account in USER_ACCOUNTS},
    ESCROW.name: ESCROW,
    **{account.code: account for account in PLATFORM_ACCOUNTS},
}
"""The accounts of the chart by the family of their codes: `family_of`."""


def user_account(user: int, name: str) -> str:
    """Return the code of a user's account: `user:42:usd`."""
    return f"user:{user}:{name}"


def escrow_account(contract: int) -> str:
    """Return the code of a contract's escrow: `escrow:17`."""
    return f"{ESCROW.name}:{contract}"


def is_user_account(code: str) -> bool:
    """Return True for the code of a user's account."""
    return code.startswith("user:")


def is_escrow(code: str) -> bool:
    """Return True for the code of a contract's escrow."""
    return code.startswith("escrow:")


def is_coupon_account(code: str) -> bool:
    """Return True for the code of the account that a user's grants are on."""
    return code.endswith(":coupon")


def owner_of(code: str) -> int | None:
    """Return the id of the user who has the account; None for an escrow or an account of the platform."""
    return int(code.split(":", 2)[1]) if code.startswith("user:") else None


def id_of(code: str) -> str:
    """Return the id in the code of a user's account or escrow, as it is written: `42` of `user:42:usd`."""
    return code.split(":", 2)[1]


def name_of(code: str) -> str:
    """Return the name of a user's account (`due:usd` of `user:42:due:usd`), or `escrow`.

    Raises ValueError for an account of the platform, which has no name.
    """
    if code.startswith("user:"):
        return code.split(":", 2)[2]
    if code.startswith("escrow:"):
        return ESCROW.name
    raise ValueError(f"{code} is not an account of a user or a contract")


def family_of(code: str) -> str:
    """Return the code without the id (`user:due:usd`, `escrow`); a platform account's code as it is.

    A code that is not in the chart gives a family that is not in `FAMILIES`.
    """
    if code.startswith("user:"):
        parts = code.split(":", 2)
        return f"user:{parts[2]}" if len(parts) == 3 else ""
    if code.startswith("escrow:"):
        return ESCROW.name
    return code if code in PLATFORM_IDS else ""


def kind_of(code: str) -> str:
    """Return the kind of an account. Raises KeyError for a code that is not in the chart."""
    return FAMILIES[family_of(code)].kind


def currency_of(code: str) -> Currency:
    """Return the currency of an account. Raises KeyError for a code that is not in the chart."""
    return FAMILIES[family_of(code)].currency


def side_of(code: str) -> Side:
    """Return the side that raises the balance. Raises KeyError for a code that is not in the chart."""
    return FAMILIES[family_of(code)].normal_side


def currency_of_name(name: str) -> Currency:
    """Return the currency of a user's account by its name. Raises KeyError for an unknown name."""
    return FAMILIES[f"user:{name}"].currency


def is_due(name: str) -> bool:
    """Return True for the name of an account that a debt is on."""
    return name.startswith("due:")


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
    paying_down = {("user:usd", "user:due:usd"), ("user:eaml", "user:due:eaml")}
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
            *paying_down,
        },
        "payout": {("user:usd", "clearing")},
        # Money that the user has spent becomes due; that of a closed account is lost.
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
    # A reversal swaps the pairs of the operation. Money that the payee has spent becomes due or lost, and
    # money that comes back pays down what is due.
    allowed["reversal"] = {
        *((credit, debit) for pairs in allowed.values() for debit, credit in pairs),
        ("user:due:usd", "user:usd"),
        ("user:due:usd", "clearing"),
        ("user:due:eaml", "treasury"),
        ("platform:losses", "user:usd"),
        ("platform:revenue", "platform:promotions"),
        ("user:due:usd", "platform:manual"),
        ("user:due:eaml", "platform:manual"),
        *paying_down,
    }
    return frozenset((kind, debit, credit) for kind, pairs in allowed.items() for debit, credit in pairs)


ALLOWED_PAIRS: Final = _pairs()
"""(operation kind, debited account's kind, credited account's kind). Every other pair is refused."""
