"""Listens to everything that the ledger publishes, like any other service could."""

from collections import Counter
from collections.abc import Mapping
from typing import Final, Self

from easyautoml_ledger.listeners import BalanceListener, OutcomeListener
from easyautoml_ledger.outcomes import (
    HoldCapturedOutcome,
    HoldExpired,
    HoldPlaced,
    HoldRefused,
    HoldVoidedOutcome,
    OperationRecorded,
    OperationRejected,
    OperationReversed,
    Outcome,
    PayoutFailedOutcome,
    PayoutPaidOutcome,
    PayoutRequestedOutcome,
)
from easyautoml_ledger.topics import MARKETPLACE_SERVICE, TRAINING_SERVICE
from examples.demo.accounts import Balances

_SERVICES: Final = frozenset({TRAINING_SERVICE, MARKETPLACE_SERVICE})


class DemoListener:
    """Counts outcomes, each event once, and keeps the latest balances of every user."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._outcomes = OutcomeListener(bootstrap_servers=bootstrap_servers, from_beginning=True)
        self._balances = BalanceListener(bootstrap_servers=bootstrap_servers)
        self.published = 0
        """The number of distinct events on `billing.operations` that answer a message of the services."""
        self.by_type: Counter[str] = Counter()
        """The number of events received there, by the type of the ledger's event."""
        self.changes = 0
        """The number of times that newer balances of a user were received."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._outcomes.close()
        self._balances.close()

    def poll(self) -> None:
        """Receive new messages, waiting a moment if there are none."""
        for outcome in self._outcomes.poll():
            self.published += outcome.source in _SERVICES
            self.by_type[_TYPES[type(outcome)]] += 1
        self.changes += len(self._balances.poll(timeout_seconds=0.05))

    def balances(self, users: list[int]) -> dict[int, Balances]:
        """Return the latest balances of those of these users that have any."""
        latest = {user: self._balances.get(user) for user in users}
        return {
            user: Balances(
                usd=it.usd.available,
                eaml=it.eaml.available,
                coupon=it.coupon.available,
                due_usd=it.due_usd,
                due_eaml=it.due_eaml,
            )
            for user, it in latest.items()
            if it is not None
        }


_TYPES: Final[Mapping[type[Outcome], str]] = {
    OperationRecorded: "operation.recorded",
    OperationRejected: "operation.rejected",
    OperationReversed: "operation.reversed",
    HoldPlaced: "hold.placed",
    HoldRefused: "hold.refused",
    HoldCapturedOutcome: "hold.captured",
    HoldVoidedOutcome: "hold.voided",
    HoldExpired: "hold.expired",
    PayoutRequestedOutcome: "payout.requested",
    PayoutPaidOutcome: "payout.paid",
    PayoutFailedOutcome: "payout.failed",
}
