"""Which payment references were used: kept as long as the note of the reference is.

A digest is made of the note, here and when the log is replayed, so that nothing of a reference is left
once its note is erased: a trigger on `events_note` takes the row away.
"""

from collections.abc import Iterable, Sequence
from typing import Any, Final

from easyautoml_ledger.operations import DEFAULT_PAYMENT_PROVIDER
from events.message import StoredEvent
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.payment_references import PaymentReference

KINDS: Final = frozenset({"credit_from_user", "payout"})
"""What is recorded once for each reference; a chargeback only names one."""
NOTE: Final = "payment_reference"


class ReferenceTaken(Exception):
    """Somebody else recorded a payment under the same reference, after the book was read."""


def read(cursor: Any, digests: Iterable[str]) -> list[PaymentReference]:
    """Those of the references that were used."""
    cursor.execute(
        "select digest, operation_id::text from ledger_payment_reference where digest = any(%s)",
        [sorted(set(digests))],
    )
    return [PaymentReference(digest=digest, operation=operation) for digest, operation in cursor.fetchall()]


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Keep the references of events whose notes were just written. Raises `ReferenceTaken`."""
    wanted = [event for event in events if _is_payment(event)]
    if wanted and keep(cursor, wanted) < len(wanted):
        raise ReferenceTaken


def keep(cursor: Any, events: Iterable[StoredEvent]) -> int:
    """Keep what is not kept yet of the references whose notes are not erased; how many that were."""
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
