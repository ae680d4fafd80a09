"""A command with its sender, as it is given to the engine, and its outcome."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, TypeAlias

from events.message import StoredEvent
from events.store import Key
from ledger.domain.decide import Command
from ledger.domain.errors import Invalid, LedgerError, rejected_by_code
from ledger.domain.proposals import Principal, Role

Status: TypeAlias = Literal["recorded", "rejected", "refused", "conflict", "undecided"]

_FINGERPRINT_VERSION = b"\x01"
_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """The sender of a command, the idempotency key (`source` and `request_id`), times and trace context."""

    source: str
    request_id: str
    received_at: datetime
    sent_at: datetime | None = None
    """The time that the sender says; None if it does not say one."""
    actor: str = ""
    principal: Principal | None = None
    """The actor with their limits, above which the command becomes a proposal; None: not limited."""
    also: Mapping[str, str] = field(default_factory=dict)
    """Further metadata: the key that the actor used (`via`), or who replayed a dead letter."""
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    refuse_early: bool = False
    """Refuse the command without a record if no balance could change the answer, as over HTTP."""

    @property
    def key(self) -> Key:
        """Return the idempotency key."""
        return Key(self.source, self.request_id)

    @property
    def role(self) -> Role:
        """Return the role of the actor."""
        return "staff" if self.principal is None else self.principal.role

    @property
    def made_by(self) -> str | None:
        """Return the person who made the API key that the actor used, if that is known."""
        return None if self.principal is None else self.principal.made_by

    def metadata(self) -> dict[str, str]:
        """Return the event's metadata: the sender, and the context of the request."""
        known = {**self.also, "source": self.source, "request_id": self.request_id}
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
class Submission:
    """A command with its sender.

    `sent` is the command as it was sent: JSON values, with defaults left out. The fingerprint is made from
    it, and the event stores it. `notes` are free texts, such as a payment reference, that must not be in the
    event.
    """

    sender: Sender
    command: Command
    sent: Mapping[str, Any]
    notes: Mapping[str, str] = field(default_factory=dict)
    out_of_time: bool = False
    """Reject the command if it is still undecided: it has waited long enough for its user or machine."""
    out_of_bounds: Invalid | None = None
    """The error to refuse the command with, unless its key was used: it occurred too far from its arrival."""

    def fingerprint(self) -> bytes:
        """Return the hash of the command as sent. Its first byte is the version of the algorithm.

        Notes are left out: once they are erased, nothing may be left from which they could be guessed.
        """
        return fingerprint_of(self.sent)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The answer to a submission.

    `recorded` and `rejected` come with the event, and every retry of the key gets the same one. The others
    come with an error, and nothing was written.
    """

    status: Status
    replayed: bool = False
    event: StoredEvent | None = None
    error: LedgerError | None = None

    def raise_rejection(self) -> None:
        """Raise the `Rejected` that the event records, if it is a rejection."""
        if self.status == "rejected" and self.event is not None:
            details = dict(self.event.data["rejection"])
            code, message = details.pop("code"), details.pop("message")
            raise rejected_by_code(code)(message, **details)


def fingerprint_of(sent: Mapping[str, Any]) -> bytes:
    """Return the hash of a command as sent. Its first byte is the version of the algorithm."""
    canonical = _canonical(sent).encode()
    return _FINGERPRINT_VERSION + hashlib.sha256(canonical).digest()
