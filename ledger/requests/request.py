"""The declaration of a request: one command, and all ways in which services and people may give it.

The message is what is sent. Kafka carries it as it is, under its event type. Over HTTP, the parameters of the
route's path are fields of the message, and the body has the others. A page of the administration is a form
for the same fields. `submission_of` is the only way from a message to the engine.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from django.conf import settings
from pydantic import BaseModel

from ledger.domain.decide import Command
from ledger.domain.errors import Invalid
from ledger.engine.submission import Sender, Submission

M = TypeVar("M", bound=BaseModel)
Scope: TypeAlias = Literal["ledger:write", "ledger:admin", "ledger:approve", "ledger:admin or ledger:approve"]

_is_parameter: Final = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, kw_only=True)
class Route:
    """The HTTP route of a request, under /v1. The text of `description` is Markdown."""

    path: str
    """`/payouts/{payout}/paid`: each parameter is a field of the message."""
    scope: Scope = "ledger:write"
    operation_id: str
    summary: str
    description: str
    location: str | None = None
    """The address of the resource, `/v1/payouts/{payout}`. Without it, the answer links to the operation."""
    proposes: Literal["never", "perhaps", "always"] = "never"
    """If the command becomes a proposal, which a second person approves."""
    refusals: tuple[int, ...] = ()
    """The statuses of refusals that other commands do not have."""
    fixed: Mapping[str, str] = field(default_factory=dict)
    """Fields of the message that the path implies without a parameter."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Return the names of the parameters of the path, in their order."""
        return tuple(_is_parameter.findall(self.path))


@dataclass(frozen=True, kw_only=True)
class Shown:
    """The way a page shows a field. An empty label is made from the field's name."""

    label: str = ""
    help: str = ""
    initial: object = None
    choices: Mapping[str, str] = field(default_factory=dict)
    """Labels of the values that the field may have."""


@dataclass(frozen=True, kw_only=True)
class Page:
    """The page of the administration on which staff give the command."""

    name: str
    """The last part of its URL."""
    title: str
    permission: str
    """The Django permission that it requires."""
    description: str
    """Paragraphs of plain text."""
    currency: str = ""
    """The currency of its amounts: USD, EAML or none that is known beforehand."""
    is_key: str | None = None
    """The field that takes the page's idempotency key, so that the page makes only one."""
    shown: Mapping[str, Shown] = field(default_factory=dict)
    omits: frozenset[str] = frozenset({"occurred_at", "unit_price", "kinds", "subject", "terms"})
    """Fields of the message that the page leaves out, or that its class fills in."""


@dataclass(frozen=True, kw_only=True)
class Request(Generic[M]):
    """A command that services or people may give.

    `tag` is `command.type` in the log and names the command, uniquely. `command` makes it from the message,
    its sender and the time at which it occurred. `erasable` fields are free texts, which become notes and are
    not part of the event.
    """

    tag: str
    message: type[M]
    command: Callable[[M, Sender, datetime], Command]
    erasable: tuple[str, ...] = ()
    completed: Callable[[Submission, M], Submission] = lambda submission, _: submission
    """Adds to the submission what the message only refers to."""
    routes: tuple[Route, ...] = ()
    page: Page | None = None


def submission_of(
    request: Request[M], message: M, sender: Sender, *, out_of_time: bool = False
) -> Submission:
    """Return the submission of a message.

    It occurred when the message says, else when it was sent, else when it was received.
    """
    fields = message.__dict__
    at = fields.get("occurred_at") or sender.sent_at or sender.received_at
    sent = message.model_dump(mode="json", exclude_defaults=True, exclude=set(request.erasable))
    submission = Submission(
        sender=sender,
        command=request.command(message, sender, at),
        sent={"type": request.tag, **sent},
        notes={name: text for name in request.erasable if (text := fields.get(name)) is not None},
        out_of_time=out_of_time,
        out_of_bounds=_out_of_bounds(at, sender.received_at),
    )
    return request.completed(submission, message)


def _out_of_bounds(occurred_at: datetime, now: datetime) -> Invalid | None:
    """Return the error of a time outside the bounds of the settings, else None.

    It is returned rather than raised, because a late retry of a recorded operation still gets its answer.
    """
    if occurred_at > now + settings.LEDGER_OCCURRED_AHEAD:
        return Invalid("occurred_at is too far ahead of the ledger's clock", field="occurred_at")
    if occurred_at < now - settings.LEDGER_OCCURRED_BACK:
        return Invalid("occurred_at is too long ago", field="occurred_at")
    return None
