"""A listener of the demo's own: it hears everything that the ledger tells, as any other service could."""

from collections import Counter
from typing import Self

from easyautoml_ledger.listeners import BalanceListener, OutcomeListener
from easyautoml_ledger.outcomes import OperationRecorded, OperationRejected
from easyautoml_ledger.topics import MARKETPLACE_SERVICE, TRAINING_SERVICE
from examples.demo.books import Balances

_SERVICES = frozenset({TRAINING_SERVICE, MARKETPLACE_SERVICE})


class Listening:
    """Counts outcomes, each event once, and keeps everybody's latest balances."""

    def __init__(self, bootstrap_servers: str) -> None:
        self._outcomes = OutcomeListener(bootstrap_servers=bootstrap_servers, from_beginning=True)
        self._balances = BalanceListener(bootstrap_servers=bootstrap_servers)
        self.published = 0
        """Distinct events on `billing.operations` that answer a message of the services."""
        self.by_type: Counter[str] = Counter()
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
            self.by_type[_TYPES.get(type(outcome), type(outcome).__name__)] += 1
        self.changes += len(self._balances.poll(timeout_seconds=0.05))

    def balances(self, users: list[int]) -> dict[int, Balances]:
        """The latest that was heard of each of these users; those of whom nothing was heard are left out."""
        latest = {user: self._balances.get(user) for user in users}
        return {
            user: Balances(usd=it.usd.available, eaml=it.eaml.available, due_eaml=it.due_eaml)
            for user, it in latest.items()
            if it is not None
        }


_TYPES = {OperationRecorded: "recorded", OperationRejected: "rejected"}
