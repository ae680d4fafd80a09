"""Converts Kafka messages to CloudEvents 1.0 and back.

Binary mode (attributes in ``ce_…`` headers, the value is the payload) and structured
mode (content type ``application/cloudevents+json``, the value is the whole event) are
both read; binary mode is written. The payload stays the bytes that were sent, so that the
envelope of an unreadable payload can still be read.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Optional

from . import strict_json
from .errors import ContractError, printable
from .times import parse_time, time_text

SPEC_VERSION = "1.0"
MAX_VALUE_BYTES = 1_048_576
MAX_ATTRIBUTE_CHARACTERS = 1_024
MAX_ID_CHARACTERS = 255
MAX_HEADERS = 100

Headers = Sequence[tuple[str, Optional[bytes]]]

_JSON_TYPE = "application/json"
_STRUCTURED_TYPE = "application/cloudevents+json"
_NO_EXTENSIONS: Mapping[str, str] = MappingProxyType({})
_STANDARD_ATTRIBUTES = frozenset(
    {"specversion", "id", "source", "type", "time", "subject", "datacontenttype", "dataschema"}
)
_is_extension_name = re.compile("[a-z0-9]{1,64}").fullmatch
_has_control = re.compile("[\x00-\x1f\x7f-\x9f]").search


def _no_extensions() -> Mapping[str, str]:
    return _NO_EXTENSIONS


@dataclass(frozen=True)
class CloudEvent:
    """An event: attributes as strings, ``time`` in UTC, and the payload's JSON bytes in ``data``.

    ``id`` is unique within ``source``; the pair identifies duplicates. ``extensions`` are
    further attributes, all strings: ``traceparent``, ``correlationid``, ``causationid`` and
    ``partitionkey`` have properties.
    """

    id: str
    source: str
    type: str
    data: bytes
    time: Optional[datetime] = None
    subject: Optional[str] = None
    dataschema: Optional[str] = None
    datacontenttype: str = _JSON_TYPE
    extensions: Mapping[str, str] = field(default_factory=_no_extensions, hash=False)

    @property
    def traceparent(self) -> Optional[str]:
        return self.extensions.get("traceparent")

    @property
    def correlationid(self) -> Optional[str]:
        return self.extensions.get("correlationid")

    @property
    def causationid(self) -> Optional[str]:
        return self.extensions.get("causationid")

    @property
    def partitionkey(self) -> Optional[str]:
        return self.extensions.get("partitionkey")


def parse(
    headers: Headers,
    value: Optional[bytes],
    *,
    max_value_bytes: int = MAX_VALUE_BYTES,
) -> CloudEvent:
    """Return the event in a Kafka message of either mode.

    Raises ``ContractError``: ``empty_value``, ``too_large``, ``not_a_cloudevent``,
    ``unsupported_content_type``, ``unsupported_specversion``, ``missing_attribute``,
    ``invalid_attribute``, ``duplicate_attribute``, ``invalid_time``, ``missing_offset``;
    in structured mode also the codes of ``strict_json.members``. ``field`` names the
    attribute.
    """
    if not value:
        raise ContractError("empty_value", "the message has no value")
    if len(value) > max_value_bytes:
        raise ContractError("too_large", f"{len(value)} bytes exceed the maximum of {max_value_bytes}")
    attributes, content_type = _attributes_of(headers)
    media_type = content_type.partition(";")[0].strip().lower()
    if not media_type.startswith("application/cloudevents"):
        return _event(attributes, media_type or _JSON_TYPE, value)
    if media_type != _STRUCTURED_TYPE:
        raise ContractError("unsupported_content_type", "must be JSON", "content-type")
    _refuse_charset(content_type)
    return _structured(value)


def to_kafka(event: CloudEvent) -> tuple[list[tuple[str, bytes]], bytes]:
    """Return the headers and the value of a message with ``event`` in binary mode."""
    headers = [
        ("ce_specversion", SPEC_VERSION.encode()),
        ("ce_id", event.id.encode()),
        ("ce_source", event.source.encode()),
        ("ce_type", event.type.encode()),
    ]
    if event.time is not None:
        headers.append(("ce_time", time_text(event.time).encode()))
    if event.subject is not None:
        headers.append(("ce_subject", event.subject.encode()))
    if event.dataschema is not None:
        headers.append(("ce_dataschema", event.dataschema.encode()))
    for name, text in event.extensions.items():
        headers.append((f"ce_{name}", text.encode()))
    headers.append(("content-type", event.datacontenttype.encode()))
    return headers, event.data


def _attributes_of(headers: Headers) -> tuple[dict[str, str], str]:
    """Return the ``ce_`` headers without their prefix, and the content type or ''."""
    if len(headers) > MAX_HEADERS:
        raise ContractError("too_large", f"{len(headers)} headers exceed the maximum of {MAX_HEADERS}")
    attributes: dict[str, str] = {}
    content_type: Optional[str] = None
    for header, raw in headers:
        if header.startswith("ce_"):
            name = header[3:]
            if name in attributes:
                raise ContractError("duplicate_attribute", "occurs twice", printable(name))
            attributes[name] = _header_text(name, raw)
        elif header.lower() == "content-type":
            if content_type is not None:
                raise ContractError("duplicate_attribute", "occurs twice", "content-type")
            content_type = _header_text("content-type", raw)
    return attributes, content_type or ""


def _header_text(name: str, raw: Optional[bytes]) -> str:
    if raw is None:
        raise ContractError("invalid_attribute", "has no value", printable(name))
    try:
        return raw.decode()
    except UnicodeDecodeError:
        raise ContractError("invalid_attribute", "is not UTF-8", printable(name)) from None


def _structured(value: bytes) -> CloudEvent:
    members = strict_json.members(value)
    plain = members.pop("data", None)
    encoded = members.pop("data_base64", None)
    attributes = {
        name: _attribute_text(name, member) for name, (member, _) in members.items() if member is not None
    }
    if plain is not None and encoded is not None:
        raise ContractError("duplicate_attribute", "must not occur together with data", "data_base64")
    media_type = attributes.get("datacontenttype", _JSON_TYPE).partition(";")[0].strip().lower()
    if encoded is not None:
        return _event(attributes, media_type, _decoded(encoded[0]))
    return _event(attributes, media_type, plain[1] if plain is not None else b"")


def _attribute_text(name: str, member: Any) -> str:
    # Attributes are strings here; the specification also allows booleans and integers.
    if isinstance(member, str):
        return member
    if name not in _STANDARD_ATTRIBUTES:
        if isinstance(member, bool):
            return "true" if member else "false"
        if isinstance(member, int) and -(2**31) <= member < 2**31:
            return str(member)
    raise ContractError("invalid_attribute", "must be a string", printable(name))


def _decoded(encoded: Any) -> bytes:
    if not isinstance(encoded, str):
        raise ContractError("invalid_attribute", "must be a string", "data_base64")
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise ContractError("invalid_attribute", "is not base64", "data_base64") from None


def _event(attributes: dict[str, str], media_type: str, data: bytes) -> CloudEvent:
    """Build the event of these attributes, and empty ``attributes`` except for the extensions."""
    _check_version(attributes)
    if media_type != _JSON_TYPE:
        raise ContractError("unsupported_content_type", "must be JSON", "datacontenttype")
    if not data:
        raise ContractError("empty_value", "the event has no data")
    attributes.pop("datacontenttype", None)
    event_id = _required(attributes, "id")
    if len(event_id) > MAX_ID_CHARACTERS:
        raise ContractError("invalid_attribute", "is too long", "id")
    source, event_type = _required(attributes, "source"), _required(attributes, "type")
    time = attributes.pop("time", None)
    for name, text in attributes.items():
        _check(name, text)
    subject = attributes.pop("subject", None)
    dataschema = attributes.pop("dataschema", None)
    for name in attributes:
        if not _is_extension_name(name):
            raise ContractError("invalid_attribute", "is not a valid attribute name", printable(name))
    return CloudEvent(
        id=event_id,
        source=source,
        type=event_type,
        data=data,
        time=None if time is None else parse_time(time, field="time"),
        subject=subject,
        dataschema=dataschema,
        extensions=attributes or _NO_EXTENSIONS,
    )


def _check_version(attributes: dict[str, str]) -> None:
    version = attributes.pop("specversion", None)
    if version == SPEC_VERSION:
        return
    if version is not None:
        raise ContractError("unsupported_specversion", "must be 1.0", "specversion")
    if attributes:
        raise ContractError("missing_attribute", "is required", "specversion")
    raise ContractError("not_a_cloudevent", "the message has no CloudEvents attributes")


def _required(attributes: dict[str, str], name: str) -> str:
    text = attributes.pop(name, None)
    if not text:
        raise ContractError("missing_attribute", "is required", name)
    _check(name, text)
    return text


def _check(name: str, text: str) -> None:
    if len(text) <= MAX_ATTRIBUTE_CHARACTERS and text.isascii() and text.isprintable():
        return
    if len(text) > MAX_ATTRIBUTE_CHARACTERS:
        raise ContractError("invalid_attribute", "is too long", printable(name))
    if _has_control(text):
        raise ContractError("invalid_attribute", "contains a control character", printable(name))
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise ContractError("invalid_attribute", "contains a lone surrogate", printable(name)) from None


def _refuse_charset(content_type: str) -> None:
    match = re.search(r"charset\s*=\s*\"?([^\s;\"]+)", content_type, re.IGNORECASE)
    if match and match[1].lower() not in {"utf-8", "utf8", "us-ascii"}:
        raise ContractError("unsupported_content_type", "must be UTF-8", "content-type")
