"""Consulting requests: what they offer, and the status that follows from the ledger's decision."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from events.arrays import numbers
from events.message import StoredEvent
from ledger.domain.consulting import Offer
from ledger.domain.money import QUANTUM

_STATUSES: Final = {
    "signed": "is_status_contract",
    "finished": "is_status_contract_finished",
    "split": "is_status_contract_finished",
    "cancelled": "is_status_cancelled",
}


def read_offers(cursor: Any, requests: Iterable[int], *, lock: bool) -> list[Offer]:
    """The consulting requests; with `lock`, nobody else changes them."""
    cursor.execute(
        f"""select id, user_id, consultant_user_id, amount_usd,
                   is_status_waiting_consultant_approval is true
            from models_consultingrequest where id = any(%s::bigint[])
            order by id {"for no key update" if lock else ""}""",  # noqa: S608 (a fixed clause)
        [numbers(requests)],
    )
    return [
        Offer(
            request=row[0],
            client=row[1],
            consultant=row[2],
            amount=None if row[3] is None else Decimal(row[3]).quantize(QUANTUM),
            waits=row[4],
        )
        for row in cursor.fetchall()
    ]


def write_statuses(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Move the consulting requests on to where their contracts are, as the ledger decided."""
    states = {
        int(contract): kept["state"]
        for event in events
        for contract, kept in event.data.get("contracts", {}).items()
    }
    if not states:
        return
    cursor.execute(
        """update models_consultingrequest r
           set is_status_request_open = false,
               is_status_waiting_consultant_approval = false,
               is_status_contract = status = 'is_status_contract',
               is_status_contract_finished = status = 'is_status_contract_finished',
               is_status_cancelled = status = 'is_status_cancelled'
           from unnest(%s::bigint[], %s::text[]) as v(id, status)
           where r.id = v.id""",
        [numbers(states), [_STATUSES[state] for state in states.values()]],
    )
