"""Publishes the outcomes of what services requested: `billing.operations`.

# Note [Published as stored]
A message is the event's stored data with a few facts in front. The text is concatenated without parsing
the data, because the relay has to keep up with all workers. Each version of an event's schema has its own
line in the table, because the published message must stay the same.
"""

import json
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from django.db import connection

from easyautoml_ledger import outcomes, topics
from events.kafka.feeds import FeedMessage
from events.kafka.outgoing import Outgoing, cloud_event_headers
from ledger.domain.money import EAML, USD, ZERO, text


class OutcomeFeed:
    """One message per event, keyed by the paying user."""

    topic = topics.BILLING_OPERATIONS

    def messages(self, *, after: int, upto: int) -> list[FeedMessage]:
        """Return the messages of the outcomes among the events with after < position ≤ upto."""
        with connection.cursor() as cursor:
            cursor.execute(_SQL, {"after": after, "upto": upto, "types": _TYPES})
            return [FeedMessage(row[0], _message(_Row(*row))) for row in cursor.fetchall()]

    def snapshot(self) -> None:
        """Return None: a new topic gets the whole log."""


class _Row(NamedTuple):
    """An event's columns, as text."""

    position: int
    id: str
    type: str
    version: int
    stream: str
    data: str
    payer: str | None
    source: str | None
    request_id: str | None
    traceparent: str | None
    correlation_id: str | None
    causation_id: str | None
    occurred_at: str
    recorded_at: str
    has_effective_at: bool


_TIME: Final = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
_SQL: Final = f"""
    select position, id::text, type, schema_version, stream, data::text,
           coalesce(data->>'payer', data->'command'->>'operation_user'),
           metadata->>'source', metadata->>'request_id', metadata->>'traceparent',
           metadata->>'correlation_id', metadata->>'causation_id',
           to_char(occurred_at at time zone 'UTC', {_TIME}),
           to_char(recorded_at at time zone 'UTC', {_TIME}),
           data ? 'effective_at'
    from events_event
    where position > %(after)s and position <= %(upto)s and type = any(%(types)s)
    order by position"""  # noqa: S608 (a fixed format)

_quoted = json.dumps


def _message(row: _Row) -> Outgoing:
    type_, facts = _OUTCOMES[row.type, row.version]
    effective_at = "" if row.has_effective_at else f'"effective_at":"{row.occurred_at}",'
    payload = (
        f'{{"position":{row.position},"source":{_quoted(row.source or topics.BILLING_SERVICE)},'
        f'"request_id":{_quoted(row.request_id or row.id)},"occurred_at":"{row.occurred_at}",'
        f'"recorded_at":"{row.recorded_at}",{effective_at}{facts(row)}{row.data[1:]}'
    )
    headers = cloud_event_headers(
        event_id=row.id, source=_SOURCE, event_type=type_, time=row.recorded_at, subject=row.stream
    )
    for name, value in (
        ("ce_traceparent", row.traceparent),
        ("ce_correlationid", row.correlation_id),
        ("ce_causationid", row.causation_id),
    ):
        if value:
            headers.append((name, value.encode()))
    key = None if row.payer is None else row.payer.encode()
    return Outgoing(topics.BILLING_OPERATIONS, key, payload.encode(), headers)


def _operation(row: _Row) -> str:
    return f'"operation":"{row.id}",'


def _hold(row: _Row) -> str:
    data = json.loads(row.data)
    remaining = data.get("holds", {}).get(data["hold"], {}).get("remaining", _NOTHING)
    return f'"currency":"{EAML}","amount":"{remaining}",'


def _payout(row: _Row) -> str:
    data = json.loads(row.data)
    return f'"currency":"{USD}","amount":"{data["payouts"][data["payout"]]["amount"]}",'


def _paid(row: _Row) -> str:
    return _operation(row) + _payout(row)


def _nothing_more(_: _Row) -> str:
    return ""


def _capture(row: _Row) -> str:
    return _operation(row) + _hold(row)


_SOURCE: Final = topics.BILLING_SERVICE.encode()
_NOTHING: Final = text(ZERO)
_OUTCOMES: Final[Mapping[tuple[str, int], tuple[bytes, Callable[[_Row], str]]]] = {
    (stored, 1): (message.event_type.encode(), facts)
    for stored, message, facts in (
        ("operation.recorded", outcomes.OperationRecorded, _operation),
        ("operation.rejected", outcomes.OperationRejected, _operation),
        ("operation.reversed", outcomes.OperationReversed, _operation),
        ("hold.placed", outcomes.HoldPlaced, _hold),
        ("hold.refused", outcomes.HoldRefused, _hold),
        ("hold.captured", outcomes.HoldCapturedOutcome, _capture),
        ("hold.voided", outcomes.HoldVoidedOutcome, _hold),
        ("hold.expired", outcomes.HoldExpired, _hold),
        ("payout.requested", outcomes.PayoutRequestedOutcome, _payout),
        ("payout.paid", outcomes.PayoutPaidOutcome, _paid),
        ("payout.failed", outcomes.PayoutFailedOutcome, _payout),
        ("control_total.compared", outcomes.ControlTotalCompared, _nothing_more),
    )
}
"""By type and schema version of the stored event: its published type, and the facts added to its data."""

_TYPES: Final = sorted({stored for stored, _ in _OUTCOMES})
