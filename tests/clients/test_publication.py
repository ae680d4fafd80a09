"""The id, key, topic and bytes of a prepared message."""

import time
from datetime import UTC, datetime
from uuid import UUID

import pytest

from easyautoml_ledger import ContractError, CreditFromUser, PayABill, Training, fixtures, topics
from easyautoml_ledger.chargebacks import Chargeback
from easyautoml_ledger.control_total import ControlTotal
from easyautoml_ledger.envelope import parse
from easyautoml_ledger.holds import HoldCaptured, HoldMessage, HoldRequested, HoldVoided
from easyautoml_ledger.operations import MODEL_OF_KIND, Operation, operation_of
from easyautoml_ledger.payloads import parse_payload
from easyautoml_ledger.payouts import PayoutFailed, PayoutMessage, PayoutPaid, PayoutRequested
from easyautoml_ledger.publication import Payload, check_request_id, new_id, prepare
from easyautoml_ledger.reference import Machine, ReferenceData, User, Work

TRAINING = Training(operation_user=43, machine=7, count_of_lines=1000)
BILL = PayABill.model_validate({"operation_user": 43, "amount": "12.50"})
TOTAL = ControlTotal.model_validate(fixtures.event("control-total.v1")["data"])
MARKETPLACE_MODELS: dict[str, type[PayoutMessage] | type[Chargeback]] = {
    "payout.requested.v1": PayoutRequested,
    "payout.paid.v1": PayoutPaid,
    "payout.failed.v1": PayoutFailed,
    "chargeback.v1.by_reference": Chargeback,
}
HOLD_MODELS: dict[str, type[HoldMessage]] = {
    "hold.requested.v1": HoldRequested,
    "hold.captured.v1": HoldCaptured,
    "hold.voided.v1": HoldVoided,
}


@pytest.mark.parametrize("kind", MODEL_OF_KIND)
def test_an_operation_goes_to_its_topic_under_its_payers_key(kind: str) -> None:
    """The payer is the operation's user, except for trainings."""
    event = fixtures.event(f"operation.v1.{kind}")
    operation = operation_of(event["data"])
    key = int(event["partitionkey"]) if kind == "training" else None
    publication = prepare(operation, source=event["source"], key=key)
    assert (publication.topic, publication.key) == (MODEL_OF_KIND[kind].topics[0], event["partitionkey"])
    read = parse(publication.headers, publication.value)
    assert (read.id, read.source, read.type) == (publication.id, event["source"], Operation.event_type)
    assert read.time == operation.occurred_at
    assert parse_payload(read) == operation


@pytest.mark.parametrize("name", HOLD_MODELS)
def test_a_hold_goes_to_the_training_topic_under_its_payers_key(name: str) -> None:
    """The key is required, because the message does not name the payer."""
    hold = HOLD_MODELS[name].model_validate(fixtures.event(name)["data"])
    publication = prepare(hold, source=topics.TRAINING_SERVICE, key=42)
    assert (publication.topic, publication.key) == (topics.TRAINING_OPERATIONS, "42")
    assert parse_payload(parse(publication.headers, publication.value)) == hold
    with pytest.raises(ValueError, match="pass key"):
        prepare(hold, source=topics.TRAINING_SERVICE)


@pytest.mark.parametrize("name", MARKETPLACE_MODELS)
def test_payouts_and_chargebacks_go_to_the_marketplaces_topic_under_the_users_key(name: str) -> None:
    """The key is optional only for a payout request, which names the user."""
    payload = MARKETPLACE_MODELS[name].model_validate(fixtures.event(name)["data"])
    publication = prepare(payload, source=topics.MARKETPLACE_SERVICE, key=42)
    assert (publication.topic, publication.key) == (topics.MARKETPLACE_OPERATIONS, "42")
    assert parse_payload(parse(publication.headers, publication.value)) == payload
    if isinstance(payload, PayoutRequested):
        assert prepare(payload, source=topics.MARKETPLACE_SERVICE).key == "42"
        return
    with pytest.raises(ValueError, match="pass key"):
        prepare(payload, source=topics.MARKETPLACE_SERVICE)


def test_a_training_needs_the_owner_as_key() -> None:
    """The operation does not name the owner of the machine."""
    with pytest.raises(ValueError, match="owner"):
        prepare(TRAINING, source=topics.TRAINING_SERVICE)


def test_a_control_total_needs_its_topic() -> None:
    """It counts the messages of one topic, which it does not name."""
    with pytest.raises(ValueError, match="pass topic"):
        prepare(TOTAL, source=topics.TRAINING_SERVICE)
    sent = prepare(TOTAL, source=topics.TRAINING_SERVICE, topic=topics.TRAINING_OPERATIONS)
    assert sent.key == "control-total"
    assert parse_payload(parse(sent.headers, sent.value)) == TOTAL


REFERENCE_MODELS: dict[str, type[ReferenceData]] = {"user.v1": User, "machine.v1": Machine, "work.v1": Work}


@pytest.mark.parametrize("name", REFERENCE_MODELS)
def test_reference_data_goes_to_its_topic_under_its_id(name: str) -> None:
    """The latest state of an object is the last message with its id as key."""
    event = fixtures.event(name)
    payload = REFERENCE_MODELS[name].model_validate(event["data"])
    publication = prepare(payload, source=event["source"])
    assert (publication.topic,) == payload.topics
    assert publication.key == event["partitionkey"]
    assert parse_payload(parse(publication.headers, publication.value)) == payload


def test_the_default_time_is_now() -> None:
    """`time` replaces it."""
    before = datetime.now(UTC)
    read = parse(*_message(BILL))
    assert read.time is not None
    assert before <= read.time <= datetime.now(UTC)
    given = datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert parse(*_message(BILL, time=given)).time == given


def test_extensions_are_sent() -> None:
    """The publisher can add correlation and tracing."""
    read = parse(*_message(BILL, extensions={"correlationid": "order-7"}))
    assert read.correlationid == "order-7"


@pytest.mark.parametrize(
    ("named", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "x" * 256}, "id"),
        ({"id": "a\nb"}, "id"),
        ({"source": ""}, "source"),
        ({"extensions": {"tenant_id": "x"}}, "tenant_id"),
    ],
)
def test_invalid_attributes_are_refused_before_sending(named: dict[str, object], field: str) -> None:
    """The sender gets an error instead of a dead letter."""
    with pytest.raises(ContractError) as caught:
        prepare(BILL, **{"source": topics.MARKETPLACE_SERVICE, **named})  # type: ignore[arg-type]
    assert caught.value.field == field


def test_ids_are_uuids_of_version_7() -> None:
    """They are unique and sorted by time."""
    found = []
    for _ in range(5):
        found.append(new_id())
        time.sleep(0.002)
    assert found == sorted(set(found))
    assert {UUID(text).version for text in found} == {7}
    assert {UUID(text).variant for text in found} == {UUID(int=0x8 << 60).variant}
    assert len({new_id() for _ in range(10_000)}) == 10_000


@pytest.mark.parametrize("request_id", ["", "x" * 256, "\u00e9", "a\nb", "a\x7f"])
def test_not_every_id_can_be_an_idempotency_key(request_id: str) -> None:
    """An HTTP header has printable ASCII only."""
    with pytest.raises(ValueError, match="id"):
        check_request_id(request_id)


def _message(payload: Payload, **named: object) -> tuple[tuple[tuple[str, bytes], ...], bytes]:
    publication = prepare(payload, source=topics.MARKETPLACE_SERVICE, **named)  # type: ignore[arg-type]
    return publication.headers, publication.value


def test_a_credit_keeps_all_its_digits() -> None:
    """The largest amount is written without rounding."""
    credit = CreditFromUser.model_validate(
        {"operation_user": 1, "amount": "999999999999.99999999", "payment_reference": "pi_1"}
    )
    assert b'"999999999999.99999999"' in prepare(credit, source="/x").value
