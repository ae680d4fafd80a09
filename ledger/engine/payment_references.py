"""Stores digests of payment references with their payments, so that none is recorded twice.

The database computes a digest from the note of the reference, here and when the log is replayed. When the
note is erased, a trigger on `events_note` deletes the digest, and nothing of the reference is left.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from events.message import StoredEvent
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.payment_references import NOT_SAID, PaymentReference

KINDS: Final = frozenset({"credit_from_user", "payout"})
"""The kinds that are recorded once for each reference. A chargeback only names one."""
NOTE: Final = "payment_reference"


_FREE: Final = f"""
    not r.payments ? '{NOT_SAID}' and not excluded.payments ? '{NOT_SAID}'
    and not r.payments ?| array(select jsonb_object_keys(excluded.payments))"""


class ReferenceTaken(Exception):
    """Another transaction recorded a payment with this reference after this batch had looked for it."""


def read(cursor: Any, digests: Iterable[str]) -> list[PaymentReference]:
    """Return those of the references that were used."""
    cursor.execute(
        "select digest, payments::text from ledger_payment_reference where digest = any(%s)",
        [sorted(set(digests))],
    )
    return [PaymentReference(digest=digest, payments=json.loads(paid)) for digest, paid in cursor.fetchall()]


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Store the references of events whose notes were just written. Raises `ReferenceTaken`."""
    # As `claim` decided, unless another transaction has recorded a payment since.
    if not _store(cursor, events, _FREE):
        raise ReferenceTaken


def store_missing(cursor: Any, events: Iterable[StoredEvent]) -> None:
    """Store the events' references that are new and whose notes are not erased."""
    _store(cursor, events, "true")


def _store(cursor: Any, events: Iterable[StoredEvent], free: str) -> bool:
    """Add payments to the references for which the condition `free` holds. Return True if it held for all."""
    payments = [event for event in events if _is_payment(event)]
    if not payments:
        return True
    cursor.execute(
        f"""with named as (
               select encode(
                          sha256(convert_to(concat_ws(e'\\n', p.kind, note.text), 'UTF8')), 'hex') as digest,
                      jsonb_object_agg(p.provider, p.id) as payments
               from unnest(%s::uuid[], %s::text[], %s::text[]) as p(id, kind, provider)
               join events_note note on note.event_id = p.id and note.name = %s
               where note.text is not null
               group by 1),
           stored as (
               insert into ledger_payment_reference as r (digest, payments)
               select digest, payments from named order by digest
               on conflict (digest) do update set payments = excluded.payments || r.payments where {free}
               returning digest)
           select (select count(*) from named) = (select count(*) from stored)""",  # noqa: S608 (fixed conditions)
        [
            [event.id for event in payments],
            [event.data["kind"] for event in payments],
            [event.data["command"].get("payment_provider", NOT_SAID) for event in payments],
            NOTE,
        ],
    )
    return bool(cursor.fetchone()[0])


def _is_payment(event: StoredEvent) -> bool:
    data = event.data
    return event.type in OPERATION_TYPES and data["kind"] in KINDS and NOTE in data.get("notes", ())
