"""A JSON parser that is stricter than Python's, following RFC 8259.

Refuses bytes that are not UTF-8 or begin with a byte order mark, NaN and the infinities, a key
that occurs twice in one object, and values that are nested too deeply. Numbers with a fraction
or an exponent stay exact: they become ``Decimal``.
"""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Callable, NoReturn, Union

from .errors import ContractError, printable

Number = Callable[[str], Any]


def loads(raw: Union[bytes, bytearray, memoryview], *, parse_float: Number = Decimal) -> Any:
    """Return the parsed value of a JSON text.

    With ``parse_float=float`` a number with a fraction becomes a float, which every amount
    refuses with the code ``amount_is_float``.

    Raises ``ContractError``: ``invalid_utf8``, ``malformed_json``, ``not_a_number`` or
    ``duplicate_key``.
    """
    return _decode(decode_utf8(raw), parse_float)


def members(raw: Union[bytes, bytearray, memoryview]) -> dict[str, tuple[Any, bytes]]:
    """Return the members of a JSON object: name to parsed value and its bytes as sent.

    Raises the errors of ``loads``, and ``not_an_object``.
    """
    text = decode_utf8(raw)
    if not isinstance(_decode(text, Decimal), dict):
        raise ContractError("not_an_object", "must be a JSON object")
    # The text is a valid object by now: only the borders of the members must be found.
    return {name: (value, source.encode()) for name, value, source in _split(text)}


def decode_utf8(raw: Union[bytes, bytearray, memoryview]) -> str:
    """Return the text of ``raw``. Raises ``ContractError`` ``invalid_utf8``."""
    try:
        text = str(raw, "utf-8")
    except UnicodeDecodeError as error:
        raise ContractError("invalid_utf8", f"not UTF-8 at byte {error.start}") from None
    if text.startswith("\ufeff"):
        raise ContractError("invalid_utf8", "must not begin with a byte order mark")
    return text


def _decode(text: str, parse_float: Number) -> Any:
    try:
        return json.loads(
            text,
            parse_float=parse_float,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object_of,
        )
    except ContractError:
        raise
    except json.JSONDecodeError as error:
        raise ContractError("malformed_json", f"{error.msg} at character {error.pos}") from None
    except (ValueError, ArithmeticError):
        # An integer with more digits than Python converts, or an exponent too large for Decimal.
        raise ContractError("malformed_json", "a number has too many digits") from None
    except RecursionError:
        raise ContractError("malformed_json", "nested too deeply") from None


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        seen = set()
        for name, _ in pairs:
            if name in seen:
                raise ContractError("duplicate_key", "the name occurs twice in one object", printable(name))
            seen.add(name)
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise ContractError("not_a_number", f"{constant} is not a number in JSON")


def _split(text: str) -> Iterator[tuple[str, Any, str]]:
    decoder = json.JSONDecoder(parse_float=Decimal)
    at = _skip_blanks(text, text.index("{") + 1)
    while text[at] != "}":
        name, at = decoder.raw_decode(text, at)
        start = _skip_blanks(text, _skip_blanks(text, at) + 1)  # over the colon
        value, end = decoder.raw_decode(text, start)
        yield name, value, text[start:end]
        at = _skip_blanks(text, end)
        if text[at] == ",":
            at = _skip_blanks(text, at + 1)


def _skip_blanks(text: str, at: int) -> int:
    while text[at] in " \t\r\n":
        at += 1
    return at
