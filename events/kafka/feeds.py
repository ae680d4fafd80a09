"""What the relay tells: feeds of the log, each to a topic of its own."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from events.kafka.publisher import Outgoing
from events.message import StoredEvent


class Feed(Protocol):
    """What one outgoing topic says of the log."""

    @property
    def topic(self) -> str:
        """The topic's name."""

    def tell(self, events: Sequence[StoredEvent]) -> list[tuple[int, Outgoing]]:
        """The messages of events that follow each other, each with the position of its event."""

    def snapshot(self) -> Iterator[list[Outgoing]] | None:
        """All there is to tell to a topic that is new; None if that is the log from its beginning."""
