"""The names of accounts in plain-text accounting: both programs know the five roots."""

from typing import Final

from ledger.domain.chart import ESCROW, PLATFORM_ACCOUNTS, is_escrow

_OF_PLATFORM: Final = {
    "platform:revenue": "Income:Revenue",
    "platform:commission": "Income:Commission",
    "platform:promotions": "Expenses:Promotions",
    "platform:manual": "Equity:Manual",
    "platform:losses": "Expenses:Losses",
    "treasury": "Equity:Treasury",
    "clearing": "Assets:Clearing:Payments",
    "equity": "Equity:Opening",
}
_OF_USER: Final = {
    "usd": "Liabilities:Users:{}:USD",
    "eaml": "Liabilities:Users:{}:EAML",
    "coupon": "Liabilities:Coupons:{}:USD",
    "due:usd": "Assets:Due:{}:USD",
    "due:eaml": "Assets:Due:{}:EAML",
}
_BY_CODE: Final = {
    account.code: f"{_OF_PLATFORM[account.kind]}:{account.currency}" for account in PLATFORM_ACCOUNTS
}


def plain_text_name(code: str) -> str:
    """`user:42:due:eaml` is `Assets:Due:42:EAML`. Raises KeyError for a code that the chart has not."""
    if is_escrow(code):
        return f"Liabilities:Escrow:{code.partition(':')[2]}:{ESCROW.currency}"
    if not code.startswith("user:"):
        return _BY_CODE[code]
    _, user, name = code.split(":", 2)
    return _OF_USER[name].format(user)
