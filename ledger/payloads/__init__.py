"""The stored payloads: a model for each type and version of event that was ever written.

Once an event of a type and version is stored, its model may only get fields that can be missing. Any other
change is a new version: a second model, a step in `STEPS` that converts the old payload to it, and a fixture
in `fixtures/`. Old models and old fixtures are never removed.
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
    ("coupon_code.withdrawn", 1): decisions.CouponCodeWithdrawn,
    ("period.closed", 1): decisions.PeriodChanged,
    ("period.reopened", 1): decisions.PeriodChanged,
    ("tariff.published", 1): decisions.TariffPublished,
    ("user.closed", 1): facts.UserClosed,
    ("machine.deleted", 1): facts.MachineDeleted,
    ("legacy.billing_imported", 1): facts.LegacyBillingImported,
    ("control_total.compared", 1): facts.ControlTotalCompared,
}
"""The payload of each type and version."""


STEPS: Final[Mapping[tuple[str, int], Step]] = {}
"""The step from each type and version to the next version. Empty, because every type is at version 1."""


def parse(event: StoredEvent) -> Stored:
    """Return the payload of an event, validated by the model of its type and version.

    Raises `KeyError` for a type or version without a contract, and pydantic's `ValidationError`.
    """
    return CONTRACTS[event.type, event.schema_version].model_validate(event.data)


def fixtures() -> Iterator[tuple[str, StoredEvent]]:
    """Yield every example of a stored event, with the name of its file without the suffix."""
    for entry in sorted(files(__name__).joinpath("fixtures").iterdir(), key=lambda entry: entry.name):
        if entry.name.endswith(".json"):
            yield entry.name.removesuffix(".json"), _event(json.loads(entry.read_text(encoding="utf-8")))


def _event(stored: Mapping[str, Any]) -> StoredEvent:
    times = {name: datetime.fromisoformat(stored[name]) for name in ("occurred_at", "recorded_at")}
    return StoredEvent(**{**stored, **times})
