"""Feeds: the messages that the relay publishes, made from the log."""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from events.kafka.outgoing import Outgoing


class FeedMessage(NamedTuple):
    """A message to publish, and the position of its event."""

    position: int
    message: Outgoing


class Feed(Protocol):
    """The messages of one outgoing topic."""

    @property
    def topic(self) -> str:
        """The topic's name."""

    def messages(self, *, after: int, upto: int) -> list[FeedMessage]:
        """Return the messages of the events with after < position ≤ upto, ordered by position."""

    def snapshot(self) -> Iterator[list[Outgoing]] | None:
        """Yield the first messages of a new topic; None if those are the log from its beginning."""
