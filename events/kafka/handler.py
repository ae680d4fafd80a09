"""The interface of message handlers, called by workers and for replays. Needs no Kafka client."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from events.kafka.message import Message


class TryAgain(Exception):
    """Nothing was posted. The same batch may succeed a moment later."""


class Locked(TryAgain):
    """Another transaction keeps a lock that some of the messages need. The others may succeed now."""


class MessageHandler(Protocol):
    """Posts messages in one transaction that begins with `move(cursor)`.

    Returns the number of messages by outcome. Raises what `move` raises, or `TryAgain`; otherwise every
    message is handled, at least by parking it.
    """

    def __call__(self, messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]: ...
