"""What the demo knows before anything is sent: what will become of every message."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal, TypeAlias

from easyautoml_ledger.reference import Machine
from examples.catalogue import Catalogue
from examples.demo.books import Books

Fate: TypeAlias = Literal["recorded", "duplicate", "rejected", "parked"]
FATES: Final[tuple[Fate, ...]] = ("recorded", "duplicate", "rejected", "parked")

HOLD: Final = "hold"
"""What stands for the kind of a message about a hold."""
UNREADABLE: Final = "unreadable"
"""What stands for the kind of a message whose kind cannot be made out."""

# Of the catalogue's users, in its order: those who pay in before they compute, those who may owe, and those
# who own and have nothing.
_MAY_OWE: Final = 4
_PENNILESS: Final = 4


@dataclass(slots=True)
class Expectation:
    """Counts of messages by kind and fate, of rejections and dead letters by code, and the books."""

    fates: Counter[tuple[str, Fate]] = field(default_factory=Counter)
    codes: Counter[tuple[Fate, str]] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    """How many messages wait for `user:1035` and the like until somebody has joined."""
    beyond: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Events of the desk and of the clock, by type and kind: they answer no message."""
    books: Books = field(default_factory=Books)

    def recorded(self, kind: str) -> None:
        """A message becomes an operation."""
        self.fates[kind, "recorded"] += 1

    def repeated(self, kind: str) -> None:
        """A message has been sent before."""
        self.fates[kind, "duplicate"] += 1

    def rejected(self, kind: str, code: str) -> None:
        """A message is decided against."""
        self.fates[kind, "rejected"] += 1
        self.codes["rejected", code] += 1

    def parked(self, kind: str, code: str) -> None:
        """A message is put aside as a dead letter."""
        self.fates[kind, "parked"] += 1
        self.codes["parked", code] += 1

    def total(self, fate: Fate) -> int:
        """How many messages come to this."""
        return sum(count for (_, found), count in self.fates.items() if found == fate)

    @property
    def sent(self) -> int:
        """How many messages there are."""
        return self.fates.total()


class World:
    """Who takes part, and the dice. Equal seeds make equal worlds, but for the time they begin at."""

    def __init__(self, catalogue: Catalogue, seed: int) -> None:
        self.random = Random(seed)  # noqa: S311 - a load to repeat, not a secret
        self.catalogue = catalogue
        self.expected = Expectation()
        ids = [user.id for user in catalogue.users]
        self.prepaid = ids[: -_MAY_OWE - _PENNILESS]
        self.owing = ids[-_MAY_OWE - _PENNILESS : -_PENNILESS]
        self.penniless = ids[-_PENNILESS:]
        self.tokens_first: dict[int, int] = {}
        """EAML that a user of the prepaid ones has before he computes."""
        self._began = datetime.now(UTC)
        self._ids: Counter[str] = Counter()

    @property
    def machines(self) -> tuple[Machine, ...]:
        """Those that the ledger knows from the start."""
        return self.catalogue.machines

    def new_id(self, what: str) -> str:
        """The next one: `run-000001`."""
        self._ids[what] += 1
        return f"{what}-{self._ids[what]:06}"

    def some_time_ago(self) -> str:
        """A time within the last three weeks, so that what is delivered in turn did not happen in turn."""
        ago = timedelta(seconds=self.random.uniform(60, 20 * 86_400))
        return (self._began - ago).isoformat(timespec="milliseconds")

    def chance(self, share: float) -> bool:
        """True in this share of the cases."""
        return self.random.random() < share
