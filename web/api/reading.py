"""Reading of requests: strict JSON, contracts, the idempotency key, query parameters."""

import json
import re
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest
from django.http.request import UnreadablePostError

from easyautoml_ledger import strict_json
from easyautoml_ledger.errors import ContractError, printable
from easyautoml_ledger.operations import OperationData, operation_of
from ledger.domain.errors import LedgerError
from web.api import errors

BULK_ITEMS_MAX: Final = 5000
KEY_CHARACTERS_MAX: Final = 255
KEY_PATTERN: Final = r"^[!-~]([ -~]{0,253}[!-~])?$"

_is_key = re.compile(KEY_PATTERN.strip("^$")).fullmatch
_is_quoted = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\])*)"').fullmatch
_is_trace_parent = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}").fullmatch
_UTF_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


class BulkItem(NamedTuple):
    """One item of a bulk request: an operation under its own key, or the error if it cannot be read."""

    id: str | None
    operation: OperationData | None
    error: LedgerError | ContractError | None


def read_operation(request: HttpRequest) -> OperationData:
    """Return the operation in the request's body. Raises `ContractError` or an error of `web.api.errors`."""
    return operation_of(read_object(request))


def read_object(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object of the body. Raises `ContractError` or an error of `web.api.errors`."""
    return _object(read_json(request))


def unknown_field(name: str) -> ContractError:
    """Return the error for a member that a body must not have."""
    return ContractError("unknown_field", "is not a field of this contract", printable(name))


def read_bulk(request: HttpRequest) -> list[BulkItem]:
    """Return the items of a bulk request. An item that cannot be read has an error of its own.

    Raises `ContractError` if there are no items or more than `BULK_ITEMS_MAX`.
    """
    body = read_object(request)
    for name in body:
        if name != "operations":
            raise unknown_field(name)
    items = body.get("operations")
    if items is None:
        raise ContractError("missing_field", "is required", "operations")
    if not isinstance(items, list):
        raise ContractError("not_a_list", "must be a list", "operations")
    if not items:
        raise ContractError("too_few", "must have at least 1 item", "operations")
    if len(items) > BULK_ITEMS_MAX:
        raise ContractError("too_many", f"must have at most {BULK_ITEMS_MAX} items", "operations")
    return [_bulk_item(item) for item in items]


def read_json(request: HttpRequest) -> Any:
    """Return the JSON value of the body. A number with a fraction becomes a float, which amounts refuse."""
    raw = _body(request)
    try:
        return strict_json.loads(raw, parse_float=float)
    except ContractError as error:
        if error.code == "not_a_number" and error.field is None:
            raise ContractError(error.code, error.message, _field_of_constant(raw)) from None
        raise


def idempotency_key(request: HttpRequest) -> str:
    """Return the Idempotency-Key: plain text, or a string in double quotes (RFC 8941)."""
    sent = request.headers.get("Idempotency-Key", "")
    if not sent:
        raise errors.MissingIdempotencyKey("the header Idempotency-Key is missing", field="Idempotency-Key")
    if quoted := _is_quoted(sent):
        sent = re.sub(r"\\(.)", r"\1", quoted[1])
    elif "," in sent:
        raise errors.InvalidIdempotencyKey(
            "put a key with a comma in double quotes: two keys look the same", field="Idempotency-Key"
        )
    if not _is_key(sent):
        raise _invalid_key("Idempotency-Key")
    return sent


def traceparent(request: HttpRequest) -> str | None:
    """Return the W3C trace context of a request; a malformed one is ignored."""
    sent = request.headers.get("traceparent", "")
    return sent if _is_trace_parent(sent) else None


def correlation_id(request: HttpRequest) -> str | None:
    """Return the correlation id of a request; a malformed one is ignored."""
    sent = request.headers.get("X-Correlation-ID", "")
    return sent if _is_key(sent) else None


def _body(request: HttpRequest) -> bytes:
    length = request.headers.get("Content-Length") or "0"
    if "Transfer-Encoding" in request.headers and length == "0":
        raise errors.LengthRequired("send the body with a Content-Length", field="Content-Length")
    if length == "0":
        raise ContractError("empty_value", "the request has no body")
    if request.content_type != "application/json":
        raise ContractError("unsupported_content_type", "send application/json", "Content-Type")
    charset = (request.content_params or {}).get("charset", "utf-8")
    if charset.lower() not in _UTF_8:
        raise ContractError("unsupported_content_type", "send JSON in UTF-8", "Content-Type")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ContractError("unsupported_content_type", "send the body uncompressed", "Content-Encoding")
    try:
        body = request.body
    except RequestDataTooBig:
        most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
        raise ContractError("too_large", f"a body has at most {most} bytes") from None
    except UnreadablePostError:
        raise errors.IncompleteBody("the body ended before its Content-Length") from None
    if length.isdecimal() and len(body) < int(length):
        raise errors.IncompleteBody(f"the body has {len(body)} bytes, and its Content-Length is {length}")
    return body


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise ContractError("not_an_object", "must be a JSON object")


def _bulk_item(item: Any) -> BulkItem:
    key = None
    try:
        fields = dict(_object(item))
        key = _bulk_key(fields.pop("id", None))
        return BulkItem(key, operation_of(fields), None)
    except (ContractError, LedgerError) as error:
        return BulkItem(key, None, error)


def _bulk_key(sent: Any) -> str:
    if sent is None:
        raise ContractError("missing_field", "is required", "id")
    if not isinstance(sent, str):
        raise ContractError("not_text", "must be a string", "id")
    if not _is_key(sent):
        raise _invalid_key("id")
    return sent


def _invalid_key(field: str) -> errors.InvalidIdempotencyKey:
    return errors.InvalidIdempotencyKey(
        f"must be 1 to {KEY_CHARACTERS_MAX} printable ASCII characters, without leading or trailing blanks",
        field=field,
    )


def _field_of_constant(raw: bytes) -> str | None:
    """Return the dotted path of the first NaN or infinity in a refused body. Parsers do not report it."""
    constant = object()
    try:
        path = _path_to(constant, json.loads(raw, parse_constant=lambda _: constant))
    except (ValueError, RecursionError):
        return None
    return printable(path) if path else None


def _path_to(wanted: object, value: Any) -> str | None:
    if isinstance(value, list):
        value = dict(enumerate(value))
    for name, member in value.items() if isinstance(value, dict) else ():
        if member is wanted:
            return str(name)
        below = _path_to(wanted, member)
        if below is not None:
            return f"{name}.{below}"
    return None
