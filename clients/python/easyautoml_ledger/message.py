"""The base classes of all messages. Each class says what it is on the wire; the tables follow from it."""

from abc import abstractmethod
from typing import ClassVar

from pydantic import BaseModel, ConfigDict


class Message(BaseModel):
    """Base of the payload of every message.

    ``event_type`` is its type in CloudEvents; ``topics`` are all topics that carry it.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    event_type: ClassVar[str]
    topics: ClassVar[tuple[str, ...]]


class Incoming(Message):
    """Base of the messages that the ledger reads. Unknown fields are refused.

    ``outcome_kind`` is the ``kind`` of its outcomes; empty if it has none.
    """

    model_config = ConfigDict(extra="forbid")

    outcome_kind: ClassVar[str] = ""

    @abstractmethod
    def default_key(self) -> str:
        """Return the key to send it under. Raises ``ValueError`` if the fields do not have it."""
