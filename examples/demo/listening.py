"""A listener of the demo's own: it hears everything that the ledger tells, as any other service could."""

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
from examples.demo.books import Balances

_SERVICES: Final = frozenset({TRAINING_SERVICE, MARKETPLACE_SERVICE})


class Listening:
    """Counts outcomes, each event once, and keeps everybody's latest balances."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._outcomes = OutcomeListener(bootstrap_servers=bootstrap_servers, from_beginning=True)
        self._balances = BalanceListener(bootstrap_servers=bootstrap_servers)
        self.published = 0
        """Distinct events on `billing.operations` that answer a message of the services."""
        self.by_type: Counter[str] = Counter()
        """Everything that was heard there, by the type of the ledger's event."""
        self.changes = 0
        """How often newer balances of somebody were heard."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._outcomes.close()
        self._balances.close()

    def hear(self) -> None:
        """Takes in what came since, waiting a little where nothing did."""
        for outcome in self._outcomes.poll():
            self.published += outcome.source in _SERVICES
            self.by_type[_TYPES[type(outcome)]] += 1
        self.changes += len(self._balances.poll(timeout_seconds=0.05))

    def balances(self, users: list[int]) -> dict[int, Balances]:
        """The latest that was heard of each of these users; those of whom nothing was heard are left out."""
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
