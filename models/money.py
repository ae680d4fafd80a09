"""The two currencies, exact amounts, and ``Money`` for people to read.

Amounts are ``Decimal`` with 8 decimals everywhere; ``Money`` (django-money) is made where
a person reads one.
"""

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

import moneyed

from models.errors import AmountRefused

if TYPE_CHECKING:
    from djmoney.money import Money

USD = "USD"
EAML = "EAML"

DECIMAL_PLACES = 8
# numeric(20,8): twelve digits before the point.
_LIMIT = Decimal(10) ** 12


def register_currencies() -> None:
    """Make the EasyAutoML token known to py-moneyed; more than once does no harm."""
    if EAML not in moneyed.CURRENCIES:
        moneyed.add_currency(EAML, None, sub_unit=10**DECIMAL_PLACES, name="EasyAutoML token")


def money(amount: Decimal, currency: str) -> "Money":
    """The amount as django-money shows it; ``currency`` is ``USD`` or ``EAML``."""
    # Here, because it reads the settings when it is imported, and the settings import this module.
    from djmoney.money import Money

    return Money(amount, currency)


def money_or_none(amount: Decimal | None, currency: str) -> "Money | None":
    """The same for a column that may be empty, such as the price of what is not for sale."""
    return None if amount is None else money(amount, currency)


def exact_amount(value: object) -> Decimal:
    """The amount to post, positive, with at most 8 decimals and 12 digits before the point.

    A float is taken by what it prints as (``100.0`` is 100, ``0.1`` is one tenth) and refused
    if that has more decimals than an amount can hold. Nothing is ever rounded.

    Raises:
        AmountRefused: not a number, not finite, not positive, too precise or too large.
    """
    amount = _decimal(value)
    if not amount.is_finite():
        raise AmountRefused(value, "it is not a finite number")
    if amount <= 0:
        raise AmountRefused(value, "it must be greater than zero")
    if amount >= _LIMIT:
        raise AmountRefused(value, "it has more than 12 digits before the point")
    exponent = amount.normalize().as_tuple().exponent
    if isinstance(exponent, int) and exponent < -DECIMAL_PLACES:
        raise AmountRefused(value, f"it has more than {DECIMAL_PLACES} decimals")
    return amount


def _decimal(value: object) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise AmountRefused(value, "it is not a number")
    try:
        return Decimal(repr(value) if isinstance(value, float) else value)
    except InvalidOperation:
        raise AmountRefused(value, "it is not a number") from None
