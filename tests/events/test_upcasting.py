"""Old versions are lifted step by step; unknown ones are refused."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from events.message import StoredEvent
from events.upcasting import UnknownEvent, Upcasting

NOW = datetime(2026, 3, 1, tzinfo=UTC)
VERSIONS = [("fee.charged", 1), ("fee.charged", 2), ("fee.charged", 3), ("fee.waived", 1)]


def cents_to_amount(event: StoredEvent) -> Mapping[str, Any]:
    """Lift version 1, which had whole cents."""
    return {"amount": f"{event.data['cents'] // 100}.{event.data['cents'] % 100:02}000000"}


def with_currency(event: StoredEvent) -> Mapping[str, Any]:
    """Lift version 2, which had only one currency."""
    return {**event.data, "currency": "USD"}


STEPS = {("fee.charged", 1): cents_to_amount, ("fee.charged", 2): with_currency}


def event(type_: str, version: int, **data: Any) -> StoredEvent:
    return StoredEvent(
        position=7,
        id="0198c9a4-7b1e-7c3a-9f57-0a2f4d6b8c10",
        stream="fee:1",
        type=type_,
        schema_version=version,
        data=data,
        metadata={"source": "/x"},
        occurred_at=NOW,
        recorded_at=NOW,
    )


def test_an_old_version_takes_every_step_and_keeps_its_position() -> None:
    """Only data and version change."""
    lift = Upcasting(VERSIONS, STEPS).lift
    current = event("fee.charged", 3, amount="1.05000000", currency="USD")
    assert lift(event("fee.charged", 1, cents=105)) == current
    assert lift(event("fee.charged", 2, amount="1.05000000")) == current


def test_an_event_of_the_current_version_is_returned_itself() -> None:
    """It costs one lookup."""
    for now in (event("fee.charged", 3, amount="1", currency="USD"), event("fee.waived", 1)):
        assert Upcasting(VERSIONS, STEPS).lift(now) is now


def test_lifting_leaves_the_stored_event_unchanged() -> None:
    """Steps make new data."""
    old = event("fee.charged", 1, cents=105)
    Upcasting(VERSIONS, STEPS).lift(old)
    assert (old.data, old.schema_version) == ({"cents": 105}, 1)


@pytest.mark.parametrize(
    ("type_", "version", "said"),
    [
        ("fee.doubled", 1, "without a contract"),
        ("fee.charged", 4, "the newest is 3"),
        ("fee.charged", 0, "the newest is 3"),
        ("fee.waived", 2, "the newest is 1"),
    ],
)
def test_an_unknown_event_is_refused_by_name(type_: str, version: int, said: str) -> None:
    """The message names the type and the newest known version."""
    with pytest.raises(UnknownEvent, match=said) as raised:
        Upcasting(VERSIONS, STEPS).lift(event(type_, version))
    assert type_ in str(raised.value)


@pytest.mark.parametrize(("version", "written"), [(1, False), (2, False), (3, True), (4, False)])
def test_only_the_current_version_can_be_written(version: int, written: bool) -> None:
    """Older versions are only read."""
    upcasting = Upcasting(VERSIONS, STEPS)
    if written:
        upcasting.require_current(event("fee.charged", version))
    else:
        with pytest.raises(UnknownEvent):
            upcasting.require_current(event("fee.charged", version))


@pytest.mark.parametrize(
    ("versions", "steps"),
    [
        (VERSIONS[1:], STEPS),
        ([VERSIONS[0], VERSIONS[2]], STEPS),
        (VERSIONS, {("fee.charged", 1): cents_to_amount}),
        (VERSIONS, STEPS | {("fee.waived", 1): with_currency}),
    ],
    ids=["no first version", "a gap", "a step is missing", "a step leads nowhere"],
)
def test_a_registry_with_a_gap_is_refused_at_once(versions: Any, steps: Any) -> None:
    """Before any old event is read."""
    with pytest.raises(ValueError, match="missing"):
        Upcasting(versions, steps)
