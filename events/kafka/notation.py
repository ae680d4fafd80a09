"""Keys, values and headers of messages in text form: text, or `base64:…` for bytes that are not text.

An empty text means no key or no value.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from typing import Final

_BASE64: Final = "base64:"
_TEXT_CONTROLS: Final = frozenset("\n\t")


def to_text(content: bytes | None) -> str:
    """Return bytes as editable text. `from_text` reverses it, except that an empty value becomes None."""
    if content is None:
        return ""
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return _encoded(content)
    plain = all(character.isprintable() or character in _TEXT_CONTROLS for character in text)
    return text if plain and not text.startswith(_BASE64) else _encoded(content)


def from_text(text: str) -> bytes | None:
    """Return the bytes of a text, with a browser's line ends normalized. Raises `ValueError`."""
    if not text:
        return None
    if not text.startswith(_BASE64):
        return text.replace("\r\n", "\n").encode()
    try:
        return base64.b64decode("".join(text.removeprefix(_BASE64).split()), validate=True)
    except binascii.Error as error:
        raise ValueError(f"the text after {_BASE64} is not base64") from error


def headers_to_text(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """Return headers as a JSON list of pairs, one per line; null is a header without a value."""
    lines = [
        json.dumps([name, None if value is None else to_text(value)], ensure_ascii=False)
        for name, value in headers
    ]
    return "[\n  " + ",\n  ".join(lines) + "\n]" if lines else "[]"


def headers_from_text(text: str) -> list[tuple[str, bytes | None]]:
    """Return the headers from the text of `headers_to_text`. Raises `ValueError`."""
    try:
        pairs = json.loads(text or "[]")
    except json.JSONDecodeError as error:
        raise ValueError(f"the headers are not JSON: {error}") from error
    if not isinstance(pairs, list) or not all(map(_is_pair, pairs)):
        raise ValueError('headers must be a list of pairs of texts: [["ce_id", "…"], …]')
    return [(name, None if value is None else from_text(value) or b"") for name, value in pairs]


def _is_pair(pair: object) -> bool:
    return (
        isinstance(pair, list)
        and len(pair) == 2
        and isinstance(pair[0], str)
        and (pair[1] is None or isinstance(pair[1], str))
    )


def _encoded(content: bytes) -> str:
    return _BASE64 + base64.b64encode(content).decode()
