"""A command on its way into the engine, and what became of it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from events.message import StoredEvent
from events.store import Key
from ledger.domain.decide import Command
from ledger.domain.errors import Invalid, LedgerError, rejected_by_code

Status: TypeAlias = Literal["recorded", "rejected", "refused", "conflict", "undecided"]

_FINGERPRINT_VERSION = b"\x01"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A command with the key that makes it happen once, and who sent it.

    `sent` is the command as it was sent, JSON values with defaults left out; the fingerprint and the
    event are made of it. `notes` are the free texts (a payment reference) that the event must not
    hold.
    """

    source: str
    request_id: str
    command: Command
    sent: Mapping[str, Any]
    notes: Mapping[str, str] = field(default_factory=dict)
    actor: str = ""
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    refuse_early: bool = False
    """Over HTTP: what no balance could change is refused with nothing written."""
    out_of_time: bool = False
    """It has waited long enough for its user or machine: what is undecided is rejected."""
    out_of_bounds: Invalid | None = None
    """Why it is refused unless its key was used: when it occurred is too far from when it arrived."""

    @property
    def key(self) -> Key:
        """The idempotency key."""
        return Key(self.source, self.request_id)

    def fingerprint(self) -> bytes:
        """The hash of the command as sent, with its algorithm's version as the first byte.

        Notes are left out: erasing them must leave nothing behind that could be guessed from.
        """
        return fingerprint_of(self.sent)

    def metadata(self) -> dict[str, str]:
        """What the event keeps beside its data: who asked, and in which context."""
        known = {"source": self.source, "request_id": self.request_id}
        if self.actor:
            known["actor"] = self.actor
        if self.correlation_id:
            known["correlation_id"] = self.correlation_id
        if self.causation_id:
            known["causation_id"] = self.causation_id
        if self.traceparent:
            known["traceparent"] = self.traceparent
        return known


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a submission.

    `recorded` and `rejected` have the event, and are the same for every retry of the key; the others
    have an error and wrote nothing.
    """

    status: Status
    replayed: bool = False
    event: StoredEvent | None = None
    error: LedgerError | None = None

    def raise_rejection(self) -> None:
        """Raises the `Rejected` that the event of a rejection tells of; nothing otherwise."""
        if self.status == "rejected" and self.event is not None:
            told = dict(self.event.data["rejection"])
            code, message = told.pop("code"), told.pop("message")
            raise rejected_by_code(code)(message, **told)


def fingerprint_of(sent: Mapping[str, Any]) -> bytes:
    """The hash of a command as sent, with its algorithm's version as the first byte."""
    canonical = _canonical(sent).encode()
    return _FINGERPRINT_VERSION + hashlib.sha256(canonical).digest()
