"""Descriptions of what a command is about: a hold, a payout, a contract, an operation, a proposal."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from django.utils import timezone
from django.utils.html import format_html

from ledger.domain.money import EAML, USD
from ledger.queries import operations, proposals
from ledger.queries.kept import find_contract, find_hold, find_payout, reversed_so_far
from web.admin.decisions import notes_of
from web.admin.formatting import amount, spaced, utc_time
from web.admin.proposal_text import in_words
from web.admin.search import number_or_none, uuid_or_none


def _payout(text: str) -> Iterator[tuple[str, object]]:
    payout = uuid_or_none(text)
    found = None if payout is None else find_payout(payout)
    if found is not None:
        yield "State", found.state
        yield "User", f"user {found.user}"
        yield "Amount", amount(found.amount, USD)


def _hold(text: str) -> Iterator[tuple[str, object]]:
    hold = uuid_or_none(text)
    found = None if hold is None else find_hold(hold, at=timezone.now())
    if found is not None:
        yield "State", found.state
        yield "Payer", f"user {found.user}"
        yield "For", f"{spaced(found.kind)} on machine {found.machine}"
        yield "Left", format_html("{} of {}", amount(found.remaining, EAML), amount(found.amount, EAML))
        yield "Expires", utc_time(found.expires_at)


def _contract(text: str) -> Iterator[tuple[str, object]]:
    number = number_or_none(text)
    found = None if number is None else find_contract(number)
    if found is not None:
        yield "State", found.state
        yield "Client", f"user {found.client}"
        yield "Consultant", f"user {found.consultant}"
        yield "In escrow", format_html("{} of {}", amount(found.remaining, USD), amount(found.amount, USD))
        yield "Commission", str(found.commission_rate)


def _operation(text: str) -> Iterator[tuple[str, object]]:
    operation = uuid_or_none(text)
    found = None if operation is None else operations.find(operation)
    if found is None:
        return
    data = found.event.data
    yield "Kind", spaced(data["kind"])
    yield "Payer", f"user {data['payer']}"
    yield "Recorded", utc_time(found.event.recorded_at)
    left, transfers = reversed_so_far(found.event), data["transfers"]
    if left is not None and transfers:
        currency = transfers[0]["currency"]
        yield (
            "Left to reverse",
            format_html("{} of {}", amount(left.left, currency), amount(left.total, currency)),
        )


def _proposal(text: str) -> Iterator[tuple[str, object]]:
    proposal = uuid_or_none(text)
    found = None if proposal is None else proposals.find(str(proposal))
    if found is not None:
        yield "Proposed", in_words(found.subject, found.user, found.body)
        yield "Proposed by", found.proposer
        yield "Reason code", found.reason_code
        yield "Notes", notes_of(found.id)
        yield "Expires", utc_time(found.expires_at)


TARGETS: Final[Mapping[str, Callable[[str], Iterable[tuple[str, object]]]]] = {
    "payout": _payout,
    "hold": _hold,
    "contract": _contract,
    "operation": _operation,
    "proposal": _proposal,
}
"""The description of what a field names, by the name of the field; nothing for an id that is unknown."""
