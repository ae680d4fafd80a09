"""Control totals: compares what a publisher says it sent with what the log received.

# Note [Control totals]
A total arrives on one partition of a topic while older operations may still be on their way on another.
It waits for a while, is then answered from the log outside the posting path, and the answer is an event
like any other. Rejected operations count as received. The answer also counts the topic's unread messages,
waiting messages and open dead letters, because they explain what is missing. A total sent again under the
same id is a duplicate; under a new id it is answered again.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from easyautoml_ledger import envelope
from easyautoml_ledger.control_total import ControlTotal, KindTotal
from easyautoml_ledger.envelope import CloudEvent
from easyautoml_ledger.operations import KINDS
from easyautoml_ledger.payloads import parse_payload
from events import store
from events.identifiers import uuid7
from events.kafka import stored_messages
from events.kafka.message import Message
from events.kafka.stored_messages import Parked, StoredWaiting, Waiting
from ledger.domain.errors import Invalid
from ledger.domain.money import ZERO, text
from ledger.engine.submission import fingerprint_of
from ledger.requests.four_eyes import actor_of_service

WAITS_FOR: Final = "control-total"
EVENT_TYPE: Final = "control_total.compared"
ANSWER_AFTER: Final = timedelta(minutes=1)
WINDOW_MAX: Final = timedelta(days=31)
_BATCH: Final = 10
# Concurrent transactions may commit positions out of the order of `recorded_at`, but by less than this.
_OUT_OF_ORDER: Final = timedelta(minutes=10)


def delayed(message: Message, event: CloudEvent, now: datetime) -> Waiting:
    """Return the message of a control total as a waiting one, which is answered after a minute.

    Raises `ContractError`, or `Invalid` for a window that is too long or reaches too far back.
    """
    total = _read_total(event)
    if total.window_end - total.window_start > WINDOW_MAX:
        raise Invalid(f"a window is at most {WINDOW_MAX.days} days long", field="window_end")
    if total.window_start < now - settings.LEDGER_OCCURRED_BACK:
        raise Invalid("the window begins too long ago", field="window_start")
    reason = "answered once earlier messages should have been read"
    return Waiting(message, "control_total", reason, WAITS_FOR, now + ANSWER_AFTER)


def answer_due() -> Counter[str]:
    """Answer the totals that are due; return the number of messages by outcome."""
    with connection.cursor() as cursor:
        cursor.execute(
            "select id from events_waiting where waits_for = %s and deadline <= now() order by id limit %s",
            [WAITS_FOR, _BATCH],
        )
        due = [row[0] for row in cursor.fetchall()]
    tally = Counter[str]()
    for waiting in due:
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            # Another worker may have answered it meanwhile.
            if stored_messages.lock_waiting(cursor, [waiting]):
                (item,) = stored_messages.read_waiting(cursor, [waiting])
                tally[_answer(cursor, item)] += 1
                stored_messages.remove_waiting(cursor, [waiting])
    return tally


def _answer(cursor: Any, item: StoredWaiting) -> str:
    event = envelope.parse(item.message.headers, item.message.value)
    total = _read_total(event)
    sent = {"type": "control_total", **total.model_dump(mode="json", exclude_defaults=True)}
    key, claim = store.Key(event.source, event.id), store.Claim(fingerprint_of(sent), uuid7())
    if taken := store.claim_keys(cursor, {key: claim}):
        if taken[key].fingerprint == claim.fingerprint:
            return "duplicate"
        parked = Parked(item.message, "conflict", "the id was used for another message")
        stored_messages.park(cursor, [parked])
        return "parked"
    data = {"command": sent, **_compared(cursor, event.source, total), **_unfinished(cursor, item.message)}
    answer = store.Fact(
        id=claim.event_id,
        stream=f"control_total:{event.source}",
        type=EVENT_TYPE,
        data=data,
        metadata=_metadata(event),
        occurred_at=event.time or item.message.timestamp,
        recorded_at=timezone.now(),
    )
    store.append_facts(cursor, [answer])
    return "recorded"


def _read_total(event: CloudEvent) -> ControlTotal:
    total = parse_payload(event)
    if not isinstance(total, ControlTotal):
        raise TypeError(f"{event.type} is not a control total")
    return total


def _metadata(event: CloudEvent) -> dict[str, str]:
    values = {
        "source": event.source,
        "request_id": event.id,
        "actor": actor_of_service(event.source),
        "correlation_id": event.correlationid,
        "causation_id": event.causationid,
        "traceparent": event.traceparent,
    }
    return {name: value for name, value in values.items() if value}


class _Received(NamedTuple):
    """The number of operations of a kind in the log, how many of them were rejected, and their sums."""

    operations: int = 0
    rejected: int = 0
    count_of_lines: int = 0
    amount: Decimal = ZERO


def _compared(cursor: Any, source: str, total: ControlTotal) -> dict[str, Any]:
    received = _received(cursor, source, total.window_start, total.window_end)
    claimed: dict[str, KindTotal] = {each.kind: each for each in total.totals}
    kinds = []
    for kind in KINDS:
        if kind not in claimed and kind not in received:
            continue
        claim, found = claimed.get(kind), received.get(kind, _Received())
        sent: dict[str, Any] = {"count": 0 if claim is None else claim.count}
        counted: dict[str, Any] = {"count": found.operations, "count_of_lines": found.count_of_lines}
        counted["amount"] = text(found.amount)
        if claim is not None and claim.count_of_lines is not None:
            sent["count_of_lines"] = claim.count_of_lines
        if claim is not None and claim.amount is not None:
            sent["amount"] = text(claim.amount)
        kinds.append(
            {
                "kind": kind,
                "sent": sent,
                "received": counted,
                "rejected": found.rejected,
                "missing": max(0, sent["count"] - found.operations),
                "extra": max(0, found.operations - sent["count"]),
                "different": [name for name in sent if sent[name] != counted[name]],
            }
        )
    return {
        "window_start": total.window_start.isoformat(),
        "window_end": total.window_end.isoformat(),
        "agrees": not any(kind["different"] for kind in kinds),
        "kinds": kinds,
    }


def _received(cursor: Any, source: str, start: datetime, end: datetime) -> Mapping[str, _Received]:
    """Sum up, by kind, what the log has from the source with start ≤ occurred_at < end."""
    since = start - settings.LEDGER_OCCURRED_AHEAD - _OUT_OF_ORDER
    cursor.execute(
        """select data->>'kind', count(*), count(*) filter (where type = 'operation.rejected'),
                  coalesce(sum((data->'command'->>'count_of_lines')::bigint), 0),
                  coalesce(sum((data->'command'->>'amount')::numeric), 0)
           from events_event
           where position >= %s and occurred_at >= %s and occurred_at < %s
             and type in ('operation.recorded', 'operation.rejected', 'hold.captured')
             and metadata->>'source' = %s and data->>'kind' = any(%s)
           group by 1""",
        [_first_position(cursor, since), start, end, source, list(KINDS)],
    )
    return {row[0]: _Received(row[1], row[2], int(row[3]), row[4]) for row in cursor.fetchall()}


def _first_position(cursor: Any, since: datetime) -> int:
    """Return the position of the first event recorded since a time.

    A binary search along the primary key, because there is no index on the time (ADR 0009).
    """
    cursor.execute("select coalesce(min(position), 1), coalesce(max(position), 0) from events_event")
    low, high = cursor.fetchone()
    while low < high:
        middle = (low + high) // 2
        cursor.execute(
            "select recorded_at from events_event where position >= %s order by position limit 1", [middle]
        )
        if cursor.fetchone()[0] < since:
            low = middle + 1
        else:
            high = middle
    return int(low)


def _unfinished(cursor: Any, message: Message) -> dict[str, int]:
    """Count the topic's messages that are not posted yet: unread, waiting, dead letters."""
    cursor.execute(
        """select (select coalesce(sum(greatest(end_offset - next_offset, 0)), 0)
                   from events_kafka_position where topic_id = %(id)s),
                  (select count(*) from events_waiting where topic = %(topic)s and waits_for <> %(totals)s),
                  (select count(*) from events_dead_letter where topic = %(topic)s and state = 'open')""",
        {"id": message.topic_id, "topic": message.topic, "totals": WAITS_FOR},
    )
    unread, waiting, dead_letters = cursor.fetchone()
    return {"not_read": int(unread), "waiting": waiting, "dead_letters": dead_letters}
