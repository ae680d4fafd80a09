"""Amounts: exact decimals with at most 12 digits before the decimal point and 8 after it.

In JSON an amount is a string such as ``"12.50"``. A JSON number is accepted too if the parser
kept it exact (``Decimal`` or ``int``). Nothing is ever rounded: an amount that does not fit is
refused with a code of its own. Amounts are written with exactly eight decimals
(``"12.50000000"``), so that equal amounts are equal strings.
"""

import re
from decimal import Context, Decimal
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

DECIMAL_PLACES = 8
INTEGER_DIGITS = 12
LARGEST_AMOUNT = Decimal("999999999999.99999999")

_UNSIGNED = r"(0|[1-9][0-9]{0,11})(\.[0-9]{1,8})?"
AMOUNT_PATTERN = f"^-?{_UNSIGNED}$"
NON_NEGATIVE_PATTERN = f"^{_UNSIGNED}$"
# The same, with at least one digit other than zero, and one alternative for each place that the
# first such digit has after the decimal point: RE2, and with it Go, knows no look-ahead.
_BELOW_ONE = "|".join(f"{'0' * zeros}[1-9][0-9]{{0,{7 - zeros}}}" for zeros in range(8))
POSITIVE_PATTERN = rf"^([1-9][0-9]{{0,11}}(\.[0-9]{{1,8}})?|0\.({_BELOW_ONE}))$"

_is_amount = re.compile(f"-?{_UNSIGNED}").fullmatch
_is_plain_number = re.compile(r"-?[0-9]+(\.[0-9]+)?").fullmatch
_UNIT = Decimal(1).scaleb(-DECIMAL_PLACES)
# Independent of the caller's context, which may have any precision and any traps.
_EXACT = Context(prec=40)


def parse_amount(value: object) -> Decimal:
    """Return the exact amount of a string, ``Decimal`` or ``int``, scaled to eight decimals.

    Raises ``PydanticCustomError`` (inside a model it becomes part of the
    ``ValidationError``): ``amount_is_float``, ``amount_too_precise``,
    ``amount_too_large`` or ``invalid_amount``.
    """
    if isinstance(value, str):
        if not _is_amount(value):
            raise _refused_text(value)
        amount = Decimal(value)
    elif isinstance(value, Decimal):
        amount = value
    elif isinstance(value, int) and not isinstance(value, bool):
        if abs(value) >= 10**INTEGER_DIGITS:
            raise _too_large()
        amount = Decimal(value)
    elif isinstance(value, float):
        raise PydanticCustomError(
            "amount_is_float",
            "an amount cannot be a floating point number; send a string such as '12.50'",
        )
    else:
        raise _invalid()
    return _scaled(amount)


def parse_non_negative_amount(value: object) -> Decimal:
    """Parse like ``parse_amount``; raises ``amount_is_negative`` below zero."""
    amount = parse_amount(value)
    if amount < 0:
        raise PydanticCustomError("amount_is_negative", "the amount must not be below zero")
    return amount


def parse_positive_amount(value: object) -> Decimal:
    """Parse like ``parse_amount``; raises ``amount_not_positive`` at zero and below."""
    amount = parse_amount(value)
    if amount <= 0:
        raise PydanticCustomError("amount_not_positive", "the amount must be above zero")
    return amount


def amount_text(amount: Decimal) -> str:
    """Return the canonical text of an amount, with exactly eight decimals: ``"0.04000000"``."""
    return f"{amount:.8f}"


def _scaled(amount: Decimal) -> Decimal:
    # The exponent is checked before any computation: Decimal("1E+999999") is small until it
    # is scaled.
    exponent = amount.as_tuple().exponent
    if not isinstance(exponent, int):  # NaN or an infinity
        raise _invalid()
    if not amount:
        if amount.is_signed():
            raise PydanticCustomError("invalid_amount", "zero has no sign; send '0'")
    elif amount.adjusted() >= INTEGER_DIGITS:
        raise _too_large()
    if exponent < -DECIMAL_PLACES:
        raise _too_precise()
    return amount.quantize(_UNIT, context=_EXACT)


def _refused_text(value: str) -> PydanticCustomError:
    if len(value) > 1000 or not _is_plain_number(value):
        return _invalid()
    whole, _, fraction = value.lstrip("-").partition(".")
    if len(whole) > 1 and whole.startswith("0"):
        return _invalid()
    if len(whole) > INTEGER_DIGITS:
        return _too_large()
    return _too_precise() if len(fraction) > DECIMAL_PLACES else _invalid()


def _invalid() -> PydanticCustomError:
    return PydanticCustomError("invalid_amount", "an amount is a string such as '12.50'")


def _too_large() -> PydanticCustomError:
    return PydanticCustomError("amount_too_large", "an amount has at most 12 digits before the decimal point")


def _too_precise() -> PydanticCustomError:
    return PydanticCustomError("amount_too_precise", "an amount has at most 8 decimals")


def _schema(pattern: str, example: str) -> Any:
    return WithJsonSchema({"type": "string", "pattern": pattern, "examples": [example]})


_AS_TEXT = PlainSerializer(amount_text, return_type=str, when_used="json")

Amount = Annotated[Decimal, PlainValidator(parse_amount), _AS_TEXT, _schema(AMOUNT_PATTERN, "-12.50")]
NonNegativeAmount = Annotated[
    Decimal,
    PlainValidator(parse_non_negative_amount),
    _AS_TEXT,
    _schema(NON_NEGATIVE_PATTERN, "0.04000000"),
]
PositiveAmount = Annotated[
    Decimal,
    PlainValidator(parse_positive_amount),
    _AS_TEXT,
    _schema(POSITIVE_PATTERN, "12.50"),
]
