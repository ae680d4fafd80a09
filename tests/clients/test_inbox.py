"""Duplicates and outdated balances are dropped."""

import json
from typing import Any

import pytest

from easyautoml_ledger import CloudEvent, ContractError, fixtures
from easyautoml_ledger.envelope import parse
from easyautoml_ledger.inbox import BalanceInbox, OutcomeInbox
from easyautoml_ledger.outcomes import OperationRejected


def event(name: str, event_id: str = "", **changes: Any) -> CloudEvent:
    read = parse([("content-type", b"application/cloudevents+json")], fixtures.read(name))
    data = json.dumps({**json.loads(read.data), **changes}).encode()
    return CloudEvent(id=event_id or read.id, source=read.source, type=read.type, data=data)


RECORDED, REJECTED = "billing.operation.recorded.v1", "billing.operation.rejected.v1"


def test_an_outcome_is_found_by_source_and_id() -> None:
    """The id alone is not unique: another service may use the same one."""
    inbox = OutcomeInbox()
    added = inbox.add(event(RECORDED, source="/services/training", request_id="r"))
    inbox.add(event(REJECTED, source="/services/marketplace", request_id="r"))
    assert inbox.find("r", source="/services/training") == added
    assert isinstance(inbox.find("r", source="/services/marketplace"), OperationRejected)
    assert inbox.find("r", source="/services/platform") is None


def test_a_duplicate_event_is_dropped() -> None:
    """The relay sends at least once."""
    inbox = OutcomeInbox()
    assert inbox.add(event(RECORDED)) is not None
    assert inbox.add(event(RECORDED)) is None
    assert inbox.add(event(RECORDED, "another event")) is not None


def test_the_first_event_answers_the_request() -> None:
    """A later event of the same request does not change its outcome."""
    inbox = OutcomeInbox()
    first = inbox.add(event(RECORDED, "1", request_id="r"))
    inbox.add(event(REJECTED, "2", request_id="r", source="/services/training"))
    assert inbox.find("r", source="/services/training") == first


def test_the_number_of_outcomes_is_limited() -> None:
    """The memory of a listener that runs for months does not grow."""
    inbox = OutcomeInbox(keep=2)
    for number in range(4):
        inbox.add(event(RECORDED, str(number), request_id=str(number)))
    source = "/services/training"
    assert [bool(inbox.find(str(number), source=source)) for number in range(4)] == [False, False, True, True]


def test_other_events_are_ignored() -> None:
    """The topics may get more event types."""
    assert OutcomeInbox().add(event("billing.balance.v1")) is None
    assert BalanceInbox().add(event(RECORDED)) is None


def test_an_unreadable_event_is_an_error() -> None:
    """It is not stored: the same id can be received later."""
    inbox = OutcomeInbox()
    with pytest.raises(ContractError):
        inbox.add(event(RECORDED, position="x"))
    assert inbox.add(event(RECORDED)) is not None


def test_a_lower_version_of_balances_is_dropped() -> None:
    """A late or repeated message never replaces newer balances."""
    inbox = BalanceInbox()
    for version, accepted in [(5, True), (5, False), (4, False), (7, True), (6, False)]:
        assert (inbox.add(event("billing.balance.v1", str(version), version=version)) is not None) == accepted
    assert inbox.add(event("billing.balance.v1", user=43, version=1)) is not None
    latest = inbox.get(42)
    assert latest is not None
    assert latest.version == 7
    inbox.forget(42)
    assert inbox.get(42) is None
