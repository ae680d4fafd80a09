"""What the relay tells: feeds of the log, each to a topic of its own."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from events.kafka.outgoing import Outgoing


class Told(NamedTuple):
    """A message, and the position of the event that it tells of."""

    position: int
    message: Outgoing


class Feed(Protocol):
    """What one outgoing topic says of the log."""

    @property
    def topic(self) -> str:
        """The topic's name."""

    def tell(self, *, after: int, upto: int) -> list[Told]:
        """The messages of the events with after < position ≤ upto, in the order of their positions."""

    def snapshot(self) -> Iterator[list[Outgoing]] | None:
        """All there is to tell to a topic that is new; None if that is the log from its beginning."""
