"""The source and id of a message, read even where the rest of its envelope cannot be."""

import json
from typing import Any, Final

from easyautoml_ledger import envelope
from easyautoml_ledger.errors import ContractError
from events.kafka.message import Message
from ledger.domain.errors import Invalid

_ATTRIBUTES: Final = ("source", "id")


def check_identity(original: Message, mended: Message) -> None:
    """Raise `Invalid` if a mended message changes a source or id that can be read from the original."""
    before, after = _identity(original), _identity(mended)
    for name, text in before.items():
        if after.get(name) != text:
            raise Invalid(f"a mended message keeps the {name} of the original: {text}", field=f"ce_{name}")


def _identity(message: Message) -> dict[str, str]:
    """Return the source and id; what cannot be read is left out."""
    try:
        event = envelope.parse(message.headers, message.value)
    except ContractError:
        return _from_body(message.value) | _from_headers(message)
    return {"source": event.source, "id": event.id}


def _from_headers(message: Message) -> dict[str, str]:
    found = {}
    for name in _ATTRIBUTES:
        values = {value for header, value in message.headers if header == f"ce_{name}" and value}
        if len(values) == 1:
            found[name] = values.pop().decode(errors="replace")
    return found


def _from_body(value: bytes | None) -> dict[str, str]:
    """Return the attributes of a structured event. Without a specversion the body is a payload."""
    try:
        body: Any = json.loads(value or b"")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(body, dict) or "specversion" not in body:
        return {}
    return {name: body[name] for name in _ATTRIBUTES if isinstance(body.get(name), str) and body[name]}
