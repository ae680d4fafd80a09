"""Names of accounts in plain-text accounting. hledger and beancount share the five roots."""

from typing import Final

from ledger.domain.chart import ESCROW, PLATFORM_ACCOUNTS, id_of, is_escrow, is_user_account, name_of

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
    """Return the name of an account: `user:42:due:eaml` is `Assets:Due:42:EAML`. Raises KeyError for a
    code that is not in the chart.
    """
    if is_escrow(code):
        return f"Liabilities:Escrow:{id_of(code)}:{ESCROW.currency}"
    if is_user_account(code):
        return _OF_USER[name_of(code)].format(id_of(code))
    return _BY_CODE[code]
