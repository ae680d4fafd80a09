"""Reads the offers of consulting requests, and sets their statuses to the states of their contracts."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from events.arrays import numbers
from events.message import StoredEvent
from ledger.domain.consulting import Offer
from ledger.domain.money import QUANTUM

_DIFFERS: Final = """
    c.id = r.id
    and (r.is_status_contract is true, r.is_status_contract_finished is true, r.is_status_cancelled is true)
        is distinct from (c.state = 'signed', c.state in ('finished', 'split'), c.state = 'cancelled')"""
_UPDATE_STATUS: Final = f"""
    update models_consultingrequest r
    set is_status_request_open = false,
        is_status_waiting_consultant_approval = false,
        is_status_contract = c.state = 'signed',
        is_status_contract_finished = c.state in ('finished', 'split'),
        is_status_cancelled = c.state = 'cancelled'
    from ledger_contract c where {_DIFFERS}"""  # noqa: S608 (a fixed condition)


def read_offers(cursor: Any, requests: Iterable[int], *, lock: bool) -> list[Offer]:
    """Return the offers of the consulting requests. With `lock`, no other transaction can change them."""
    cursor.execute(
        f"""select id, user_id, consultant_user_id, amount_usd,
                   is_status_waiting_consultant_approval is true
            from models_consultingrequest where id = any(%s::bigint[])
            order by id {"for no key update" if lock else ""}""",  # noqa: S608 (a fixed clause)
        [numbers(requests)],
    )
    return [
        Offer(
            request=request,
            client=client,
            consultant=consultant,
            amount=None if amount is None else Decimal(amount).quantize(QUANTUM),
            waits=waits,
        )
        for request, client, consultant, amount, waits in cursor.fetchall()
    ]


def write_statuses(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Update the statuses of the consulting requests whose contracts the events changed."""
    contracts = [contract for event in events for contract in event.data.get("contracts", ())]
    if contracts:
        cursor.execute(f"{_UPDATE_STATUS} and c.id = any(%s::bigint[])", [contracts])


def mend_statuses(cursor: Any, users: Sequence[int]) -> int:
    """Correct the clients' requests whose status differs from their contract; return their number."""
    cursor.execute(f"{_UPDATE_STATUS} and c.user_id = any(%s::bigint[])", [numbers(users)])
    return int(cursor.rowcount)


def wrong_statuses(cursor: Any) -> list[tuple[int, str]]:
    """Return the requests whose status differs from their contract, with the contract's state."""
    cursor.execute(
        f"select r.id, c.state from models_consultingrequest r, ledger_contract c where {_DIFFERS}"  # noqa: S608
        " order by r.id"
    )
    return list(cursor.fetchall())
