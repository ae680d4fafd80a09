"""Consulting requests: what they offer, and the status that follows from the ledger's decision."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from events.arrays import numbers
from events.message import StoredEvent
from ledger.domain.consulting import Offer
from ledger.domain.money import QUANTUM

_ELSEWHERE: Final = """
    c.id = r.id
    and (r.is_status_contract is true, r.is_status_contract_finished is true, r.is_status_cancelled is true)
        is distinct from (c.state = 'signed', c.state in ('finished', 'split'), c.state = 'cancelled')"""
_FOLLOW: Final = f"""
    update models_consultingrequest r
    set is_status_request_open = false,
        is_status_waiting_consultant_approval = false,
        is_status_contract = c.state = 'signed',
        is_status_contract_finished = c.state in ('finished', 'split'),
        is_status_cancelled = c.state = 'cancelled'
    from ledger_contract c where {_ELSEWHERE}"""  # noqa: S608 (a fixed condition)


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
    """Move the consulting requests on to where the events have left their contracts."""
    contracts = [contract for event in events for contract in event.data.get("contracts", ())]
    if contracts:
        cursor.execute(f"{_FOLLOW} and c.id = any(%s::bigint[])", [contracts])


def mend_statuses(cursor: Any, users: Sequence[int]) -> int:
    """Put right the requests of these clients that are not where their contracts are; how many there were."""
    cursor.execute(f"{_FOLLOW} and c.user_id = any(%s::bigint[])", [numbers(users)])
    return int(cursor.rowcount)


def wrong_statuses(cursor: Any) -> list[tuple[int, str]]:
    """The requests that are not where their contracts are, with the states of those."""
    cursor.execute(
        f"select r.id, c.state from models_consultingrequest r, ledger_contract c where {_ELSEWHERE}"  # noqa: S608
        " order by r.id"
    )
    return list(cursor.fetchall())
