"""The stored payloads: one model for each type and version of event that was ever written.

A model never changes once an event of it was stored, except by a field that may be missing. Anything
else is a new version: a model beside the old one, a step in `events.upcasting` that lifts the old one to
it, and a fixture in `fixtures/`. Old models and old fixtures stay for ever.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib.resources import files
from typing import Any, Final

from events.message import StoredEvent
from events.upcasting import Step
from ledger.payloads import decisions, facts
from ledger.payloads.parts import Stored

CONTRACTS: Final[Mapping[tuple[str, int], type[Stored]]] = {
    ("operation.recorded", 1): decisions.OperationRecorded,
    ("operation.rejected", 1): decisions.OperationRejected,
    ("operation.reversed", 1): decisions.OperationReversed,
    ("operation.linked", 1): facts.OperationLinked,
    ("hold.placed", 1): decisions.HoldChanged,
    ("hold.refused", 1): decisions.HoldRefused,
    ("hold.captured", 1): decisions.HoldCaptured,
    ("hold.voided", 1): decisions.HoldChanged,
    ("hold.expired", 1): decisions.HoldChanged,
    ("proposal.made", 1): decisions.ProposalMade,
    ("proposal.declined", 1): decisions.ProposalDeclined,
    ("proposal.expired", 1): decisions.ProposalMade,
    ("payout.requested", 1): decisions.PayoutChanged,
    ("payout.paid", 1): decisions.PayoutChanged,
    ("payout.failed", 1): decisions.PayoutChanged,
    ("credit_limit.set", 1): decisions.CreditLimitSet,
    ("coupon_code.created", 1): decisions.CouponCodeCreated,
    ("period.closed", 1): decisions.PeriodChanged,
    ("period.reopened", 1): decisions.PeriodChanged,
    ("tariff.published", 1): decisions.TariffPublished,
    ("user.closed", 1): facts.UserClosed,
    ("legacy.billing_imported", 1): facts.LegacyBillingImported,
    ("control_total.compared", 1): facts.ControlTotalCompared,
}
"""The payload of each type and version."""


STEPS: Final[Mapping[tuple[str, int], Step]] = {}
"""Per type and version the step to the next version. Every type is at its first version."""


def parse(event: StoredEvent) -> Stored:
    """The payload of an event as the model of its type and version.

    Raises KeyError for a type or version without a contract, and pydantic's `ValidationError`.
    """
    return CONTRACTS[event.type, event.schema_version].model_validate(event.data)


def fixtures() -> Iterator[tuple[str, StoredEvent]]:
    """Every event that was kept as an example, by its file's name without the suffix."""
    for entry in sorted(files(__name__).joinpath("fixtures").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield entry.name.removesuffix(".json"), _event(json.loads(entry.read_text(encoding="utf-8")))


def _event(stored: Mapping[str, Any]) -> StoredEvent:
    times = {name: datetime.fromisoformat(stored[name]) for name in ("occurred_at", "recorded_at")}
    return StoredEvent(**{**stored, **times})
