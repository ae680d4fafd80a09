"""Stores what listeners have received, without duplicates: outcomes by request, balances by user."""

from collections import OrderedDict
from typing import Optional

from .envelope import CloudEvent
from .outcomes import Balance, Outcome
from .payloads import parse_payload


class OutcomeTimeout(TimeoutError):
    """No outcome was received in time.

    The operation may still wait for its user or machine, or may be a dead letter, which has
    no outcome; or the ledger is behind.
    """


class OutcomeInbox:
    """The latest ``keep`` outcomes, by source and id of the request."""

    def __init__(self, *, keep: int = 100_000) -> None:
        self._keep = keep
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._by_request: OrderedDict[tuple[str, str], Outcome] = OrderedDict()

    def add(self, event: CloudEvent) -> Optional[Outcome]:
        """Store and return the outcome in ``event``; return None for a duplicate or another event.

        Raises ``ContractError``. If a request has several events (a hold is placed and later
        expires), the first is its outcome.
        """
        if event.id in self._seen:
            return None
        outcome = parse_payload(event)
        if not isinstance(outcome, Outcome):
            return None
        self._seen[event.id] = None
        self._by_request.setdefault((outcome.source, outcome.request_id), outcome)
        for entries in (self._seen, self._by_request):
            while len(entries) > self._keep:
                entries.popitem(last=False)
        return outcome

    def find(self, request_id: str, *, source: str) -> Optional[Outcome]:
        """Return the outcome of a request, or None if it was not received."""
        return self._by_request.get((source, request_id))


class BalanceInbox:
    """The latest balances of every user."""

    def __init__(self) -> None:
        self._by_user: dict[int, Balance] = {}

    def add(self, event: CloudEvent) -> Optional[Balance]:
        """Store and return the balances in ``event``, or return None if they are not newer.

        Raises ``ContractError``.
        """
        balance = parse_payload(event)
        if not isinstance(balance, Balance):
            return None
        known = self._by_user.get(balance.user)
        if known is not None and known.version >= balance.version:
            return None
        self._by_user[balance.user] = balance
        return balance

    def forget(self, user: int) -> None:
        """Delete the balances of a user."""
        self._by_user.pop(user, None)

    def get(self, user: int) -> Optional[Balance]:
        """Return the latest balances of a user, or None."""
        return self._by_user.get(user)
