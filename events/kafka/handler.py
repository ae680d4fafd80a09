"""What becomes of messages, whoever hands them over: a worker or an operator. Needs no Kafka client."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from events.kafka.message import Message


class TryAgain(Exception):
    """Nothing was posted, and the same batch may go through a moment later."""


class MessageHandler(Protocol):
    """Posts messages in one transaction, whose first act is `move(cursor)`.

    Answers how many became what. Raises what `move` raises, or `TryAgain`; else every message is dealt
    with, if only as a dead letter.
    """

    def __call__(self, messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]: ...
