"""What a listener has heard: outcomes by request, balances by user; nothing twice."""

from collections import OrderedDict
from typing import Optional

from .envelope import CloudEvent
from .outcomes import Balance, Outcome
from .payloads import parse_payload


class OutcomeTimeout(TimeoutError):
    """No outcome was heard in time.

    The operation may still wait for its user or machine, or have been parked as
    unreadable, which has no outcome; or the ledger is behind.
    """


class OutcomeInbox:
    """Outcomes by the source and id of what was asked; the oldest are forgotten beyond ``keep``."""

    def __init__(self, *, keep: int = 100_000) -> None:
        self._keep = keep
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._by_request: OrderedDict[tuple[str, str], Outcome] = OrderedDict()

    def add(self, event: CloudEvent) -> Optional[Outcome]:
        """The outcome in ``event``, or None where the event was heard before.

        Raises ``ContractError``. Where one request has several events (a hold that is placed
        and later expires), the first is what was answered to it.
        """
        if event.id in self._seen:
            return None
        outcome = parse_payload(event)
        if not isinstance(outcome, Outcome):
            return None
        self._seen[event.id] = None
        self._by_request.setdefault((outcome.source, outcome.request_id), outcome)
        for remembered in (self._seen, self._by_request):
            while len(remembered) > self._keep:
                remembered.popitem(last=False)
        return outcome

    def find(self, request_id: str, *, source: str) -> Optional[Outcome]:
        """The outcome of that request, if it was heard."""
        return self._by_request.get((source, request_id))


class BalanceInbox:
    """The latest balances of every user that was heard of."""

    def __init__(self) -> None:
        self._by_user: dict[int, Balance] = {}

    def add(self, event: CloudEvent) -> Optional[Balance]:
        """The balances in ``event``, or None where they are not newer. Raises ``ContractError``."""
        balance = parse_payload(event)
        if not isinstance(balance, Balance):
            return None
        known = self._by_user.get(balance.user)
        if known is not None and known.version >= balance.version:
            return None
        self._by_user[balance.user] = balance
        return balance

    def forget(self, user: int) -> None:
        """The user is gone."""
        self._by_user.pop(user, None)

    def get(self, user: int) -> Optional[Balance]:
        """The latest balances of that user, if any were heard."""
        return self._by_user.get(user)
