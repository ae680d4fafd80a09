"""Operations as they were decided: one by its id, and pages of the recorded ones."""

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
    """An operation's event; `effective_at` is None where the operation was rejected."""

    event: StoredEvent
    effective_at: datetime | None

    @classmethod
    def recorded(cls, event: StoredEvent) -> Self:
        """A recorded operation by its event alone, which says when it counts if not when it occurred."""
        said = event.data.get("effective_at")
        return cls(event, event.occurred_at if said is None else datetime.fromisoformat(said))


class EntryRow(NamedTuple):
    """One entry; `user`, `balance_after` and `version` are None on the platform's accounts."""

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
    """Which operations; None means all. Times are half-open ranges, `from` ≤ t < `to`.

    `user` finds what the user did and what was done on his machines.
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
    """Whether an event recorded or rejected an operation, which can be found by the event's id."""
    # Other events of an operation's stream have ids of their own.
    return event.stream == f"operation:{event.id}"


def find(operation: UUID) -> FoundOperation | None:
    """The operation of that id, recorded or rejected."""
    with connection.cursor() as cursor:
        event = store.get(cursor, [str(operation)]).get(str(operation))
        if event is None or not is_operation(event):
            return None
        cursor.execute("select effective_at from models_operation where id = %s", [operation])
        row = cursor.fetchone()
    return FoundOperation(event, row[0] if row else None)


def entries(operation: UUID) -> list[EntryRow]:
    """The entries of a recorded operation, transfer by transfer."""
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
    seen: QuerySet[Operation], wanted: Filter, *, before: int | None, limit: int
) -> list[FoundOperation]:
    """Recorded operations of those `seen`, newest first, from below a position on; at most `limit`."""
    given: dict[str, Any] = {field.name: getattr(wanted, field.name) for field in fields(wanted)}
    found = seen.filter(
        **{lookup: given[name] for name, lookup in _LOOKUPS.items() if given[name] is not None}
    )
    if before is not None:
        found = found.filter(position__lt=before)
    if wanted.user is not None:
        # Each side walks an index of its own, where one condition with "or" would sort everything.
        sides = (found.filter(operation_user=wanted.user), found.filter(machine_owner=wanted.user))
        done, owned = (side.order_by("-position")[:limit] for side in sides)
        found = done.union(owned)
    rows = list(found.order_by("-position").values_list("id", "effective_at", "position")[:limit])
    with connection.cursor() as cursor:
        events = store.get(cursor, [str(row[0]) for row in rows])
    return [FoundOperation(events[str(operation)], effective_at) for operation, effective_at, _ in rows]
