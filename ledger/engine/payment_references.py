"""Stores digests of payment references, so that no payment is recorded twice.

The database computes a digest from the note of the reference, here and when the log is replayed. When the
note is erased, a trigger on `events_note` deletes the digest, and nothing of the reference is left.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from events.message import StoredEvent
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.payment_references import PaymentReference

KINDS: Final = frozenset({"credit_from_user", "payout"})
"""The kinds that are recorded once for each reference. A chargeback only names one."""
NOTE: Final = "payment_reference"


class ReferenceTaken(Exception):
    """Another transaction recorded a payment with this reference after this batch had looked for it."""


def read(cursor: Any, digests: Iterable[str]) -> list[PaymentReference]:
    """Return those of the references that were used."""
    cursor.execute(
        "select digest, operation_id::text from ledger_payment_reference where digest = any(%s)",
        [sorted(set(digests))],
    )
    return [PaymentReference(digest=digest, operation=operation) for digest, operation in cursor.fetchall()]


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Store the references of events whose notes were just written. Raises `ReferenceTaken`."""
    payments = [event for event in events if _is_payment(event)]
    if payments and store_missing(cursor, payments) < len(payments):
        raise ReferenceTaken


def store_missing(cursor: Any, events: Iterable[StoredEvent]) -> int:
    """Store the events' references that are new and whose notes are not erased; return their number."""
    payments = [event for event in events if _is_payment(event)]
    if not payments:
        return 0
    cursor.execute(
        """insert into ledger_payment_reference (digest, operation_id)
           select encode(sha256(convert_to(
                      concat_ws(e'\\n', p.kind, p.provider, note.text), 'UTF8')), 'hex') as digest,
                  p.id
           from unnest(%s::uuid[], %s::text[], %s::text[]) as p(id, kind, provider)
           join events_note note on note.event_id = p.id and note.name = %s
           where note.text is not null
           order by digest
           on conflict do nothing""",
        [
            [event.id for event in payments],
            [event.data["kind"] for event in payments],
            [event.data["command"].get("payment_provider", DEFAULT_PAYMENT_PROVIDER) for event in payments],
            NOTE,
        ],
    )
    return int(cursor.rowcount)


def _is_payment(event: StoredEvent) -> bool:
    data = event.data
    return event.type in OPERATION_TYPES and data["kind"] in KINDS and NOTE in data.get("notes", ())
