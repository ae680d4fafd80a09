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

Publish = Callable[..., None]

# kafka-python leaves the sockets of failed connections to the garbage collector, which warns.
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
    """A new topic with three partitions."""
    return make_topic(kafka)


@pytest.fixture
def publish(kafka: str, topic: str) -> Iterator[Publish]:
    """Publish an example on the topic as the ledger would, and wait for the acknowledgement."""
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


def listen(kafka: str, topic: str, **named: Any) -> OutcomeListener:
    return OutcomeListener(bootstrap_servers=kafka, topic=topic, source=SOURCE, **named)


def received_ids(listener: OutcomeListener, count: int) -> list[str]:
    deadline, ids = time.monotonic() + 20, list[str]()
    while len(ids) < count and time.monotonic() < deadline:
        ids += [outcome.request_id for outcome in listener.poll()]
    return ids


def test_publications_arrive(kafka: str, topic: str) -> None:
    """Key, headers and value are as prepared, and messages with the same key stay in order."""
    with Publisher(bootstrap_servers=kafka, source=SOURCE) as publisher:
        sent = [publisher.publish(BILL, topic=topic) for _ in range(50)]
    received = _records(kafka, topic, 50)
    assert [(record.key, record.value) for record in received] == [
        (b"43", publication.value) for publication in sent
    ]
    for record, publication in zip(received, sent, strict=True):
        event = parse(record.headers, record.value)
        assert (event.id, event.source) == (publication.id, SOURCE)
        assert parse_payload(event) == BILL


def test_a_publication_that_is_sent_again_has_the_same_id(kafka: str, topic: str) -> None:
    """The ledger recognizes it as a duplicate by the id."""
    publication = prepare(BILL, source=SOURCE, topic=topic)
    with Publisher(bootstrap_servers=kafka, source=SOURCE) as publisher:
        publisher.send([publication, publication])
    assert {parse(record.headers, record.value).id for record in _records(kafka, topic, 2)} == {
        publication.id
    }


def test_without_a_broker_publish_raises(unused_address: str) -> None:
    """The error has the publication."""
    publisher = Publisher(
        bootstrap_servers=unused_address, source=SOURCE, bootstrap_timeout_ms=300, max_block_ms=300
    )
    with pytest.raises(PublishFailed) as caught:
        publisher.publish(BILL)
    [publication] = caught.value.publications
    assert publication.payload == BILL
    publisher.close()


def test_flush_raises_publications_of_a_killed_broker_which_can_be_sent_again() -> None:
    """All are sent in order to the restarted broker, which no longer knows the producer."""
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
        received = _records(address, topic, 20)
        assert [parse(record.headers, record.value).id for record in received] == [sent.id for sent in lost]


def test_wait_for_returns_the_outcome(kafka: str, topic: str, publish: Publish) -> None:
    """It is found by the id of the request, on any partition."""
    with listen(kafka, topic) as listener:
        for number in range(6):
            publish("billing.operation.rejected.v1", key=str(number), request_id=f"r{number}")
        for number in (5, 0, 3):
            outcome = listener.wait_for(f"r{number}", timeout_seconds=10)
            assert isinstance(outcome, OperationRejected)
            assert outcome.request_id == f"r{number}"


def test_wait_for_raises_without_an_outcome_in_time(kafka: str, topic: str, publish: Publish) -> None:
    """An outcome for the same id of another service does not count."""
    with listen(kafka, topic) as listener:
        publish("billing.operation.recorded.v1", request_id="mine")  # its source is the training service
        started = time.monotonic()
        with pytest.raises(OutcomeTimeout):
            listener.wait_for("mine", timeout_seconds=0.5)
        assert 0.5 <= time.monotonic() - started < 5
        outcome = listener.wait_for("mine", source="/services/training", timeout_seconds=10)
        assert outcome.source == "/services/training"


def test_a_listener_starts_at_the_end_of_the_topic(kafka: str, topic: str, publish: Publish) -> None:
    """With `from_beginning` it starts at the beginning."""
    publish("billing.operation.rejected.v1", request_id="before")
    with listen(kafka, topic) as listener, listen(kafka, topic, from_beginning=True) as from_beginning:
        publish("billing.operation.rejected.v1", request_id="after")
        assert received_ids(from_beginning, 2) == ["before", "after"]
        assert received_ids(listener, 1)[-1] == "after"


def test_duplicate_and_unreadable_messages_are_left_out(kafka: str, topic: str, publish: Publish) -> None:
    """The messages after them are received."""
    producer = KafkaProducer(bootstrap_servers=kafka)
    with listen(kafka, topic) as listener:
        publish("billing.operation.rejected.v1", request_id="1", event_id="a")
        publish("billing.operation.rejected.v1", request_id="1", event_id="a")
        for value in (b"junk", None):
            _ = producer.send(topic, key=b"42", value=value)
            producer.flush()
        publish("billing.operation.rejected.v1", request_id="2", position="junk")
        publish("billing.operation.rejected.v1", request_id="3")
        assert received_ids(listener, 2) == ["1", "3"]
    producer.close()


def test_a_listener_may_exist_before_its_topic(kafka: str) -> None:
    """It then reads the topic from the beginning."""
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


def test_several_threads_wait_on_one_listener(kafka: str, topic: str, publish: Publish) -> None:
    """Each thread gets its own outcome, even if another thread read it."""
    found: dict[int, str] = {}
    with listen(kafka, topic) as listener:

        def wait(number: int) -> None:
            found[number] = listener.wait_for(f"r{number}", timeout_seconds=20).request_id

        threads = [threading.Thread(target=wait, args=(number,)) for number in range(5)]
        for thread in threads:
            thread.start()
        for number in reversed(range(5)):
            publish("billing.operation.rejected.v1", key=str(number), request_id=f"r{number}")
        for thread in threads:
            thread.join()
    assert found == {number: f"r{number}" for number in range(5)}


def test_balances_are_the_latest_of_each_user(kafka: str, topic: str, publish: Publish) -> None:
    """Lower versions are dropped, and a tombstone deletes the balances."""
    for version in (3, 5, 4):
        publish("billing.balance.v1", version=version)
    publish("billing.balance.v1", key="43", user=43, version=1)
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


def _records(kafka: str, topic: str, count: int) -> list[Any]:
    """Return the first records of a topic."""
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
