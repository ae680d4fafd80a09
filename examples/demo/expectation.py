"""The expected status of every message, computed before anything is sent."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal, TypeAlias

from easyautoml_ledger.reference import Machine
from examples.catalogue import Catalogue
from examples.demo.accounts import Accounts

Status: TypeAlias = Literal["recorded", "duplicate", "rejected", "parked"]
STATUSES: Final[tuple[Status, ...]] = ("recorded", "duplicate", "rejected", "parked")

HOLD: Final = "hold"
"""The kind of messages about holds."""
UNREADABLE: Final = "unreadable"
"""The kind of messages whose kind cannot be read."""

# The catalogue's users in order: those who prepay, those who may owe, and owners without money.
_MAY_OWE: Final = 4
_PENNILESS: Final = 4


@dataclass(slots=True)
class Expectation:
    """The expected counts of messages by kind and status, of errors by code, and the expected accounts."""

    statuses: Counter[tuple[str, Status]] = field(default_factory=Counter)
    codes: Counter[tuple[Status, str]] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    """The number of messages that wait for a key such as `user:1035` until it joins."""
    other_events: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events from HTTP and from expiry, by type and kind. They do not answer a message."""
    accounts: Accounts = field(default_factory=Accounts)

    def recorded(self, kind: str) -> None:
        """Expect one more recorded message."""
        self.statuses[kind, "recorded"] += 1

    def repeated(self, kind: str) -> None:
        """Expect one more duplicate."""
        self.statuses[kind, "duplicate"] += 1

    def rejected(self, kind: str, code: str) -> None:
        """Expect one more rejected message."""
        self.statuses[kind, "rejected"] += 1
        self.codes["rejected", code] += 1

    def parked(self, kind: str, code: str) -> None:
        """Expect one more dead letter."""
        self.statuses[kind, "parked"] += 1
        self.codes["parked", code] += 1

    def total(self, status: Status) -> int:
        """Return the number of messages with this status."""
        return sum(count for (_, found), count in self.statuses.items() if found == status)

    @property
    def sent(self) -> int:
        """The number of messages."""
        return self.statuses.total()


class World:
    """The users, machines and random numbers of a demo. Equal seeds give equal worlds, except for times."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 (a repeatable load, not a secret)
        self.catalogue = catalogue
        self.expected = Expectation()
        ids = [user.id for user in catalogue.users]
        self.prepaid = ids[: -_MAY_OWE - _PENNILESS]
        self.owing = ids[-_MAY_OWE - _PENNILESS : -_PENNILESS]
        self.penniless = ids[-_PENNILESS:]
        self.initial_tokens: dict[int, int] = {}
        """EAML that each prepaid user buys first."""
        self._started_at = datetime.now(UTC)
        self._ids: Counter[str] = Counter()

    @property
    def machines(self) -> tuple[Machine, ...]:
        """The machines that the ledger knows from the start."""
        return self.catalogue.machines

    def new_id(self, prefix: str) -> str:
        """Return the next id with this prefix: `run-000001`."""
        self._ids[prefix] += 1
        return f"{prefix}-{self._ids[prefix]:06}"

    def some_time_ago(self) -> str:
        """Return a random time in the last three weeks. Messages are not in the order of their times."""
        ago = timedelta(seconds=self.random.uniform(60, 20 * 86_400))
        return (self._started_at - ago).isoformat(timespec="milliseconds")

    def chance(self, probability: float) -> bool:
        """Return True with this probability."""
        return self.random.random() < probability
