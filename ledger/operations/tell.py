"""What the ledger tells other services: outcomes of what they asked, and latest balances."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, TypeAlias

from django.db import connection

from easyautoml_ledger import topics
from easyautoml_ledger.times import time_text
from events import store
from events.kafka.publisher import Outgoing
from events.message import StoredEvent
from ledger.domain.decide import REJECTION_TYPES
from ledger.domain.money import EAML, ZERO, text

_SOURCE: Final = topics.BILLING_SERVICE.encode()
_NOTHING: Final = text(ZERO)
_BALANCE: Final = topics.BILLING_BALANCE.encode()
_SNAPSHOT_ROWS: Final = 5000
_EXTENSIONS: Final = {
    "traceparent": "ce_traceparent",
    "correlation_id": "ce_correlationid",
    "causation_id": "ce_causationid",
}
_FUNDS: Final = ("usd", "eaml", "coupon")

Accounts: TypeAlias = Mapping[str, tuple[str, str]]
"""Balance and held per account, by the account's name: `usd`, `due:eaml`."""


class OutcomeFeed:
    """`billing.operations`: a message an event, keyed by the paying user."""

    topic = topics.BILLING_OPERATIONS

    def tell(self, events: Sequence[StoredEvent]) -> list[tuple[int, Outgoing]]:
        return [(event.position, outcome(event)) for event in events if event.type in _OUTCOMES]

    def snapshot(self) -> None:
        """A new topic is told the whole log."""


class BalanceFeed:
    """`billing.balances`: the latest balances of every user an event touched. Compacted."""

    topic = topics.BILLING_BALANCES

    def tell(self, events: Sequence[StoredEvent]) -> list[tuple[int, Outgoing]]:
        latest: dict[str, StoredEvent] = {}
        for event in events:
            if event.type not in REJECTION_TYPES:
                for code in event.data.get("accounts", ()):
                    latest[code.split(":", 2)[1]] = event
        return [
            (event.position, _balance(user, _of_user(event, user), event.position, event.recorded_at))
            for user, event in latest.items()
        ]

    def snapshot(self) -> Iterator[list[Outgoing]]:
        """All users' balances as the accounts have them."""
        after = 0
        while users := _read_users(after):
            yield [
                _balance(str(user), accounts, position, recorded_at)
                for user, accounts, position, recorded_at in users
            ]
            after = users[-1][0]


def outcome(event: StoredEvent) -> Outgoing:
    """The message of an event, one of those that the contract knows."""
    type_, facts = _OUTCOMES[event.type]
    data, metadata = event.data, event.metadata
    occurred_at = time_text(event.occurred_at)
    payload = {
        "position": event.position,
        "source": metadata.get("source", topics.BILLING_SERVICE),
        "request_id": metadata.get("request_id", event.id),
        "occurred_at": occurred_at,
        "recorded_at": time_text(event.recorded_at),
        "effective_at": occurred_at,
        **facts(event),
        **data,
    }
    headers = _headers(event.id, type_, event.recorded_at)
    headers.insert(4, ("ce_subject", event.stream.encode()))
    for name, header in _EXTENSIONS.items():
        if name in metadata:
            headers.append((header, metadata[name].encode()))
    payer = data.get("payer") or data["command"].get("operation_user")
    key = None if payer is None else str(payer).encode()
    return Outgoing(topics.BILLING_OPERATIONS, key, store.dump(payload).encode(), headers)


def _operation(event: StoredEvent) -> dict[str, Any]:
    return {"operation": event.id}


def _hold(event: StoredEvent) -> dict[str, Any]:
    held = event.data.get("holds", {}).get(event.data["hold"], {})
    facts = {"currency": EAML, "amount": held.get("remaining", _NOTHING)}
    return {"operation": event.id, **facts} if event.type == "hold.captured" else facts


_OUTCOMES: Final[Mapping[str, tuple[bytes, Callable[[StoredEvent], dict[str, Any]]]]] = {
    "operation.recorded": (topics.BILLING_OPERATION_RECORDED.encode(), _operation),
    "operation.rejected": (topics.BILLING_OPERATION_REJECTED.encode(), _operation),
    "operation.reversed": (topics.BILLING_OPERATION_REVERSED.encode(), _operation),
    "hold.placed": (topics.BILLING_HOLD_PLACED.encode(), _hold),
    "hold.refused": (topics.BILLING_HOLD_REFUSED.encode(), _hold),
    "hold.captured": (topics.BILLING_HOLD_CAPTURED.encode(), _hold),
    "hold.voided": (topics.BILLING_HOLD_VOIDED.encode(), _hold),
    "hold.expired": (topics.BILLING_HOLD_EXPIRED.encode(), _hold),
}
"""Per type of stored event: the type it is told as, and what its message says beyond the event's data."""


def _balance(user: str, accounts: Accounts, version: int, as_of: datetime) -> Outgoing:
    """The message of a user's balances as of the event at position `version`."""
    payload: dict[str, Any] = {"user": int(user), "version": version}
    for name in _FUNDS:
        balance, held = accounts.get(name, (_NOTHING, _NOTHING))
        available = balance if held == _NOTHING else text(Decimal(balance) - Decimal(held))
        payload[name] = {"balance": balance, "held": held, "available": available}
    payload["due_usd"] = accounts.get("due:usd", (_NOTHING,))[0]
    payload["due_eaml"] = accounts.get("due:eaml", (_NOTHING,))[0]
    payload["as_of"] = time_text(as_of)
    headers = _headers(f"{user}:{version}", _BALANCE, as_of)
    return Outgoing(topics.BILLING_BALANCES, user.encode(), store.dump(payload).encode(), headers)


def _of_user(event: StoredEvent, user: str) -> dict[str, tuple[str, str]]:
    prefix = f"user:{user}:"
    return {
        code.removeprefix(prefix): (account["balance"], account["held"])
        for code, account in event.data["accounts"].items()
        if code.startswith(prefix)
    }


def _read_users(after: int) -> list[tuple[int, Accounts, int, datetime]]:
    """The next users who have balances: id, accounts, the position of the last event and its time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select user_id,
                      json_object_agg(code, array[balance::text, held::text])::text,
                      max(position), max(recorded_at)
               from ledger_account
               where recorded_at is not null and user_id > %s and user_id <= coalesce(
                   (select user_id from ledger_account where user_id > %s order by user_id
                    offset %s limit 1), 9223372036854775807)
               group by user_id
               order by user_id""",
            [after, after, _SNAPSHOT_ROWS],
        )
        rows = cursor.fetchall()
    return [
        (
            user,
            {code.split(":", 2)[2]: (state[0], state[1]) for code, state in json.loads(accounts).items()},
            position,
            recorded_at,
        )
        for user, accounts, position, recorded_at in rows
    ]


def _headers(id_: str, type_: bytes, time: datetime) -> list[tuple[str, bytes]]:
    return [
        ("ce_specversion", b"1.0"),
        ("ce_id", id_.encode()),
        ("ce_source", _SOURCE),
        ("ce_type", type_),
        ("ce_time", time_text(time).encode()),
        ("content-type", b"application/json"),
    ]
