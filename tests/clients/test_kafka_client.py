"""Publisher and listeners on a real broker."""

import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition

from easyautoml_ledger import PayABill, fixtures
from easyautoml_ledger.envelope import CloudEvent, parse, to_kafka
from easyautoml_ledger.inbox import OutcomeTimeout
from easyautoml_ledger.listeners import BalanceListener, OutcomeListener
from easyautoml_ledger.outcomes import OperationRejected
from easyautoml_ledger.payloads import parse_payload
from easyautoml_ledger.publication import PublishFailed, prepare
from easyautoml_ledger.publisher import Publisher
from stack import Stack
from stack.broker import Broker

SOURCE = "/services/marketplace"
BILL = PayABill.model_validate({"operation_user": 43, "amount": "12.50"})
STRUCTURED = [("content-type", b"application/cloudevents+json")]

Tell = Callable[..., None]

# kafka-python leaves the sockets of failed connections to the collector, which says so.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")


@pytest.fixture(autouse=True)
def _collect_sockets() -> Iterator[None]:
    yield
    gc.collect()


def make_topic(bootstrap_servers: str, name: str = "", *, partitions: int = 3) -> str:
    name = name or f"test.{uuid4()}"
    admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
    admin.create_topics({name: {"num_partitions": partitions, "replication_factor": 1}})
    admin.close()
    return name


@pytest.fixture
def topic(kafka: str) -> str:
    """A topic of the test's own, with three partitions."""
    return make_topic(kafka)


@pytest.fixture
def tell(kafka: str, topic: str) -> Iterator[Tell]:
    """Says something on the topic as the ledger would, and waits until it is there."""
    producer = KafkaProducer(bootstrap_servers=kafka)

    def send(name: str, *, key: str = "42", event_id: str | None = None, **changes: Any) -> None:
        read = parse(STRUCTURED, fixtures.read(name))
        data = json.dumps({**json.loads(read.data), **changes}).encode()
        event = CloudEvent(id=event_id or str(uuid4()), source=read.source, type=read.type, data=data)
        headers, value = to_kafka(event)
        _ = producer.send(topic, key=key.encode(), value=value, headers=headers)
        producer.flush()

    yield send
    producer.close()


def recorded(kafka: str, topic: str, **named: Any) -> OutcomeListener:
    return OutcomeListener(bootstrap_servers=kafka, topic=topic, source=SOURCE, **named)


def everything(listener: OutcomeListener, count: int) -> list[str]:
    deadline, heard = time.monotonic() + 20, list[str]()
    while len(heard) < count and time.monotonic() < deadline:
        heard += [outcome.request_id for outcome in listener.poll()]
    return heard


def test_what_is_published_arrives(kafka: str, topic: str) -> None:
    """With key, headers and value as they were prepared, in the order of one key."""
    with Publisher(bootstrap_servers=kafka, source=SOURCE) as publisher:
        sent = [publisher.publish(BILL, topic=topic) for _ in range(50)]
    received = _raw(kafka, topic, 50)
    assert [(record.key, record.value) for record in received] == [
        (b"43", publication.value) for publication in sent
    ]
    for record, publication in zip(received, sent, strict=True):
        event = parse(record.headers, record.value)
        assert (event.id, event.source) == (publication.id, SOURCE)
        assert parse_payload(event) == BILL


def test_what_is_sent_again_has_the_same_id(kafka: str, topic: str) -> None:
    """So the ledger knows it for the same operation."""
    publication = prepare(BILL, source=SOURCE, topic=topic)
    with Publisher(bootstrap_servers=kafka, source=SOURCE) as publisher:
        publisher.send([publication, publication])
    assert {parse(record.headers, record.value).id for record in _raw(kafka, topic, 2)} == {publication.id}


def test_without_a_broker_every_publication_is_told(unused_address: str) -> None:
    """None is lost without a word."""
    publisher = Publisher(
        bootstrap_servers=unused_address, source=SOURCE, bootstrap_timeout_ms=300, max_block_ms=300
    )
    with pytest.raises(PublishFailed) as caught:
        publisher.publish(BILL)
    [publication] = caught.value.publications
    assert publication.payload == BILL
    publisher.close()


def test_what_a_dying_broker_did_not_acknowledge_is_told_and_can_be_sent_again() -> None:
    """All of it, in order, to a broker that has forgotten the producer meanwhile."""
    with Stack(postgres=False, kafka="embedded") as stack:
        broker, address = stack.broker, stack.bootstrap_servers
        assert isinstance(broker, Broker)
        topic = make_topic(address)
        publisher = Publisher(
            bootstrap_servers=address, source=SOURCE, delivery_timeout_ms=5_000, request_timeout_ms=3_000
        )
        publisher.publish(BILL, topic=topic)
        publisher.flush()
        broker.kill()
        lost = [publisher.publish(BILL, topic=topic) for _ in range(20)]
        with pytest.raises(PublishFailed) as caught:
            publisher.flush(timeout_seconds=20)
        assert list(caught.value.publications) == lost
        broker.start()
        make_topic(address, topic)
        publisher.send(caught.value.publications)
        publisher.close()
        received = _raw(address, topic, 20)
        assert [parse(record.headers, record.value).id for record in received] == [sent.id for sent in lost]


def test_an_outcome_is_waited_for(kafka: str, topic: str, tell: Tell) -> None:
    """It is found by the id of what was sent, whichever partition it comes on."""
    with recorded(kafka, topic) as listener:
        for number in range(6):
            tell("billing.operation.rejected.v1", key=str(number), request_id=f"r{number}")
        for number in (5, 0, 3):
            outcome = listener.wait_for(f"r{number}", timeout_seconds=10)
            assert isinstance(outcome, OperationRejected)
            assert outcome.request_id == f"r{number}"


def test_no_outcome_in_time_is_an_error(kafka: str, topic: str, tell: Tell) -> None:
    """Also if others arrive meanwhile, and if another service used the same id."""
    with recorded(kafka, topic) as listener:
        tell("billing.operation.recorded.v1", request_id="mine")  # its source is the training service
        started = time.monotonic()
        with pytest.raises(OutcomeTimeout):
            listener.wait_for("mine", timeout_seconds=0.5)
        assert 0.5 <= time.monotonic() - started < 5
        outcome = listener.wait_for("mine", source="/services/training", timeout_seconds=10)
        assert outcome.source == "/services/training"


def test_a_listener_starts_where_the_topic_ends(kafka: str, topic: str, tell: Tell) -> None:
    """Unless it is told to begin at the beginning."""
    tell("billing.operation.rejected.v1", request_id="before")
    with recorded(kafka, topic) as listener, recorded(kafka, topic, from_beginning=True) as other:
        tell("billing.operation.rejected.v1", request_id="after")
        assert everything(other, 2) == ["before", "after"]
        assert everything(listener, 1)[-1] == "after"


def test_what_comes_twice_or_cannot_be_read_is_left_out(kafka: str, topic: str, tell: Tell) -> None:
    """A poison message stops nobody from hearing the next one."""
    producer = KafkaProducer(bootstrap_servers=kafka)
    with recorded(kafka, topic) as listener:
        tell("billing.operation.rejected.v1", request_id="1", event_id="a")
        tell("billing.operation.rejected.v1", request_id="1", event_id="a")
        for value in (b"junk", None):
            _ = producer.send(topic, key=b"42", value=value)
            producer.flush()
        tell("billing.operation.rejected.v1", request_id="2", position="junk")
        tell("billing.operation.rejected.v1", request_id="3")
        assert everything(listener, 2) == ["1", "3"]
    producer.close()


def test_a_listener_may_be_there_before_its_topic(kafka: str) -> None:
    """It then hears the topic from its beginning."""
    name = f"test.{uuid4()}"
    with OutcomeListener(bootstrap_servers=kafka, topic=name, source=SOURCE) as listener:
        assert listener.poll(timeout_seconds=0.1) == []
        publication = prepare(BILL, source=SOURCE, topic=name)
        make_topic(kafka, name, partitions=1)
        read = parse(STRUCTURED, fixtures.read("billing.operation.rejected.v1"))
        data = {**json.loads(read.data), "request_id": publication.id}
        event = CloudEvent(id="e", source=read.source, type=read.type, data=json.dumps(data).encode())
        headers, value = to_kafka(event)
        producer = KafkaProducer(bootstrap_servers=kafka)
        _ = producer.send(name, key=b"43", value=value, headers=headers)
        producer.flush()
        producer.close()
        assert listener.wait_for(publication.id, timeout_seconds=20).source == SOURCE


def test_several_threads_wait_on_one_listener(kafka: str, topic: str, tell: Tell) -> None:
    """Each gets its own outcome, whoever of them read it."""
    found: dict[int, str] = {}
    with recorded(kafka, topic) as listener:

        def wait(number: int) -> None:
            found[number] = listener.wait_for(f"r{number}", timeout_seconds=20).request_id

        threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for number in reversed(range(5)):
            tell("billing.operation.rejected.v1", key=str(number), request_id=f"r{number}")
        for thread in threads:
            thread.join()
    assert found == {number: f"r{number}" for number in range(5)}


def test_balances_are_the_latest_of_each_user(kafka: str, topic: str, tell: Tell) -> None:
    """From the topic's beginning; lower versions are dropped, and a tombstone forgets."""
    for version in (3, 5, 4):
        tell("billing.balance.v1", version=version)
    tell("billing.balance.v1", key="43", user=43, version=1)
    with BalanceListener(bootstrap_servers=kafka, topic=topic) as listener:
        assert listener.wait_for(42, version=5, timeout_seconds=20).version == 5
        assert listener.wait_for(43, timeout_seconds=20).version == 1
        with pytest.raises(OutcomeTimeout):
            listener.wait_for(42, version=6, timeout_seconds=0.3)
        producer = KafkaProducer(bootstrap_servers=kafka)
        _ = producer.send(topic, key=b"43", value=None)
        producer.flush()
        producer.close()
        deadline = time.monotonic() + 20
        while listener.get(43) and time.monotonic() < deadline:
            listener.poll()
        assert listener.get(43) is None
        latest = listener.get(42)
        assert latest is not None
        assert latest.version == 5


@pytest.fixture
def unused_address() -> str:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{found.getsockname()[1]}"


def _raw(kafka: str, topic: str, count: int) -> list[Any]:
    """The first messages of a topic, as they are."""
    consumer = KafkaConsumer(bootstrap_servers=kafka, group_id=None, enable_auto_commit=False)
    partitions = [TopicPartition(topic, number) for number in range(3)]
    consumer.assign(partitions)
    consumer.seek_to_beginning(*partitions)
    deadline, found = time.monotonic() + 20, list[Any]()
    while len(found) < count and time.monotonic() < deadline:
        for records in consumer.poll(timeout_ms=200).values():
            found += records
    consumer.close()
    return found
