"""Reads operations: one by its id, recorded or rejected, and pages of recorded ones."""

from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple, Self
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from events import store
from events.message import StoredEvent
from models.billing import Operation


class FoundOperation(NamedTuple):
    """An operation's event. `effective_at` is None if the operation was rejected."""

    event: StoredEvent
    effective_at: datetime | None

    @classmethod
    def recorded(cls, event: StoredEvent) -> Self:
        """Return a recorded operation from its event. The event has `effective_at` if it is not
        `occurred_at`.
        """
        effective_at = event.data.get("effective_at")
        return cls(event, event.occurred_at if effective_at is None else datetime.fromisoformat(effective_at))


class EntryRow(NamedTuple):
    """One entry. `user`, `balance_after` and `version` are None on the platform's accounts."""

    transfer: int
    side: str
    account: str
    user: int | None
    currency: str
    amount: Decimal
    balance_after: Decimal | None
    version: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """The operations to find; None means all. Times are half-open ranges, `from` ≤ t < `to`.

    `user` finds the operations of the user, and those on the user's machines.
    """

    user: int | None = None
    machine: int | None = None
    kind: str | None = None
    occurred_from: datetime | None = None
    occurred_to: datetime | None = None
    recorded_from: datetime | None = None
    recorded_to: datetime | None = None


_LOOKUPS: Final = {
    "machine": "machine_id",
    "kind": "kind",
    "occurred_from": "occurred_at__gte",
    "occurred_to": "occurred_at__lt",
    "recorded_from": "recorded_at__gte",
    "recorded_to": "recorded_at__lt",
}


def is_operation(event: StoredEvent) -> bool:
    """Return True if an event recorded or rejected an operation. The operation has the event's id."""
    # Other events in the stream of an operation have different ids.
    return event.stream == f"operation:{event.id}"


def find(operation: UUID) -> FoundOperation | None:
    """Return the operation with this id, recorded or rejected."""
    with connection.cursor() as cursor:
        event = store.get(cursor, [str(operation)]).get(str(operation))
        if event is None or not is_operation(event):
            return None
        cursor.execute("select effective_at from models_operation where id = %s", [operation])
        row = cursor.fetchone()
    return FoundOperation(event, row[0] if row else None)


def entries(operation: UUID) -> list[EntryRow]:
    """Return the entries of a recorded operation, transfer by transfer."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select e.transfer, e.side, a.code, a.user_id, e.currency, e.amount,
                      e.balance_after, e.account_version
               from models_entry e join ledger_account a on a.id = e.account_id
               where e.operation_id = %s order by e.id""",
            [operation],
        )
        return [EntryRow(*row) for row in cursor.fetchall()]


def page(
    visible: QuerySet[Operation], wanted: Filter, *, before: int | None, limit: int
) -> list[FoundOperation]:
    """Return at most `limit` of the `visible` recorded operations, newest first, below position `before`."""
    given: dict[str, Any] = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    found = visible.filter(
        **{lookup: given[name] for name, lookup in _LOOKUPS.items() if given[name] is not None}
    )
    if before is not None:
        found = found.filter(position__lt=before)
    if wanted.user is not None:
        # Each side uses an index of its own; one condition with "or" would sort everything.
        sides = (found.filter(operation_user=wanted.user), found.filter(machine_owner=wanted.user))
        done, owned = (side.order_by("-position")[:limit] for side in sides)
        found = done.union(owned)
    rows = list(found.order_by("-position").values_list("id", "effective_at", "position")[:limit])
    with connection.cursor() as cursor:
        events = store.get(cursor, [str(operation) for operation, _, _ in rows])
    return [FoundOperation(events[str(operation)], effective_at) for operation, effective_at, _ in rows]
