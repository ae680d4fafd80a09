"""An in-memory ledger for the tests of services that publish to the real one."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any, Callable, Optional
from uuid import uuid4

from typing_extensions import Self

from .inbox import OutcomeTimeout
from .operations import Operation
from .outcomes import AccountState, OperationRecorded, OperationRejected, Outcome, Rejection, Transfer
from .publication import Payload, Publication, PublishFailed, prepare

OutcomeRule = Callable[[Publication], Optional[Outcome]]


class FakeLedger:
    """Replaces ``Publisher`` and ``OutcomeListener`` in tests.

    ``publications`` has everything that was published, in order. Nothing is computed: a test
    sets the outcome of a publication with ``record``, ``reject`` or ``answer``, or passes
    ``answer_with``, which is called for each new publication. ``wait_for`` never waits: it
    raises ``OutcomeTimeout`` if there is no outcome yet. While ``broken`` is true, ``flush``
    and ``close`` raise ``PublishFailed``, as they do without a broker.
    """

    def __init__(self, *, source: str, answer_with: Optional[OutcomeRule] = None) -> None:
        self.publications: list[Publication] = []
        self.broken = False
        self._source = source
        self._answer_with = answer_with
        self._unflushed: list[Publication] = []
        self._outcomes: dict[tuple[str, str], Outcome] = {}

    def publish(
        self,
        payload: Payload,
        *,
        key: Optional[int] = None,
        topic: Optional[str] = None,
        id: Optional[str] = None,  # noqa: A002 (the attribute's name in CloudEvents)
        time: Optional[datetime] = None,
        extensions: Optional[Mapping[str, str]] = None,
    ) -> Publication:
        """Publish like ``Publisher.publish``, with the same errors for invalid arguments."""
        publication = prepare(
            payload,
            source=self._source,
            key=key,
            topic=topic,
            id=id,
            time=time,
            extensions=extensions,
        )
        self.send([publication])
        return publication

    def send(self, publications: Iterable[Publication]) -> None:
        """Send like ``Publisher.send``. A repeated id counts as one operation."""
        for publication in publications:
            if all(publication.id != earlier.id for earlier in self.publications):
                self.publications.append(publication)
                if self._answer_with is not None:
                    self.answer(publication, self._answer_with(publication))
            self._unflushed.append(publication)

    def flush(self, *, timeout_seconds: float = 60) -> None:
        """Flush like ``Publisher.flush``."""
        unflushed, self._unflushed = self._unflushed, []
        if self.broken and unflushed:
            raise PublishFailed(unflushed, f"no broker within {timeout_seconds:g} s")

    def close(self, *, timeout_seconds: float = 60) -> None:
        """Close like ``Publisher.close``."""
        self.flush(timeout_seconds=timeout_seconds)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def wait_for(
        self, request_id: str, *, source: Optional[str] = None, timeout_seconds: float = 30
    ) -> Outcome:
        """Return the outcome like ``OutcomeListener.wait_for``, but without waiting."""
        outcome = self._outcomes.get((source or self._source, request_id))
        if outcome is None:
            raise OutcomeTimeout(f"no outcome of {request_id} in {timeout_seconds:g} s")
        return outcome

    def answer(self, publication: Publication, outcome: Optional[Outcome]) -> None:
        """Set the outcome of ``publication``; None leaves it open."""
        if outcome is not None:
            self._outcomes[publication.source, publication.id] = outcome

    def record(
        self,
        publication: Publication,
        *,
        transfers: Iterable[Transfer] = (),
        accounts: Optional[Mapping[str, AccountState]] = None,
    ) -> OperationRecorded:
        """Record the operation with these transfers, and these accounts after it."""
        recorded = OperationRecorded(
            **self._outcome_fields(publication, accounts), operation=uuid4(), transfers=tuple(transfers)
        )
        self.answer(publication, recorded)
        return recorded

    def reject(
        self,
        publication: Publication,
        code: str,
        *,
        message: str = "rejected",
        details: Optional[Mapping[str, Any]] = None,
        accounts: Optional[Mapping[str, AccountState]] = None,
    ) -> OperationRejected:
        """Reject the operation with a code such as ``insufficient_funds``."""
        rejected = OperationRejected(
            **self._outcome_fields(publication, accounts),
            operation=uuid4(),
            rejection=Rejection(**{**(details or {}), "code": code, "message": message}),
        )
        self.answer(publication, rejected)
        return rejected

    def _outcome_fields(
        self, publication: Publication, accounts: Optional[Mapping[str, AccountState]]
    ) -> dict[str, Any]:
        now = datetime.now(timezone.utc)
        occurred_at = getattr(publication.payload, "occurred_at", None) or now
        return {
            "position": self.publications.index(publication) + 1,
            "kind": _kind_of(publication.payload),
            "command": publication.payload.model_dump(mode="json", exclude_none=True),
            "payer": int(publication.key) if publication.key.isdigit() else None,
            "accounts": dict(accounts or {}),
            "source": publication.source,
            "request_id": publication.id,
            "occurred_at": occurred_at,
            "recorded_at": now,
            "effective_at": occurred_at,
        }


def _kind_of(payload: Payload) -> str:
    kind = payload.type if isinstance(payload, Operation) else payload.outcome_kind
    if not kind:
        raise ValueError(f"{payload.event_type} has no outcome")
    return kind
