"""Every Python block of the client's README runs."""

import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from typing_extensions import override

from easyautoml_ledger import CloudEvent, fixtures, topics
from easyautoml_ledger.envelope import parse, to_kafka
from easyautoml_ledger.fake import FakeLedger
from easyautoml_ledger.operations import Operation
from easyautoml_ledger.outcomes import OperationRecorded
from easyautoml_ledger.payloads import encode, parse_payload
from easyautoml_ledger.publication import Publication
from stack import Stack

README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
STRUCTURED = [("content-type", b"application/cloudevents+json")]


class Ledger:
    """Records every operation that it reads from its own broker, and publishes the outcome."""

    def __init__(self, bootstrap_servers: str) -> None:
        admin = KafkaAdminClient(bootstrap_servers=bootstrap_servers)
        admin.create_topics({name: {"num_partitions": 1, "replication_factor": 1} for name in topics.TOPICS})
        admin.close()
        self._producer = KafkaProducer(bootstrap_servers=bootstrap_servers)
        self._consumer = KafkaConsumer(
            bootstrap_servers=bootstrap_servers, group_id=None, auto_offset_reset="earliest"
        )
        self._consumer.assign([TopicPartition(topics.TRAINING_OPERATIONS, 0)])
        self._consumer.seek_to_beginning()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self.event_types: list[str] = []
        self._publish(topics.BILLING_BALANCES, parse(STRUCTURED, fixtures.read("billing.balance.v1")))
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join()
        self._consumer.close()
        self._producer.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            for records in self._consumer.poll(timeout_ms=50).values():
                for record in records:
                    self._answer(record)

    def _answer(self, record: Any) -> None:
        event = parse(record.headers, record.value)
        self.event_types.append(event.type)
        if event.type != Operation.event_type:
            return
        fake = FakeLedger(source=event.source)
        publication = Publication(
            id=event.id,
            source=event.source,
            topic=record.topic,
            key=record.key.decode(),
            payload=parse_payload(event),  # type: ignore[arg-type]
            headers=(),
            value=b"",
        )
        fake.send([publication])
        outcome = CloudEvent(
            id=f"outcome-{event.id}",
            source=topics.BILLING_SERVICE,
            type=OperationRecorded.event_type,
            data=encode(fake.record(publication)),
        )
        self._publish(topics.BILLING_OPERATIONS, outcome)

    def _publish(self, topic: str, event: CloudEvent) -> None:
        headers, value = to_kafka(event)
        _ = self._producer.send(topic, key=b"42", value=value, headers=headers)
        self._producer.flush()


@pytest.fixture(scope="module")
def ledger() -> Iterator[tuple[str, Ledger]]:
    with Stack(postgres=False, kafka="embedded") as stack:
        ledger = Ledger(stack.bootstrap_servers)
        yield stack.bootstrap_servers, ledger
        ledger.close()


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(201)
            self.end_headers()
            self.wfile.write(b'{"operation": "0198"}')

        @override
        def log_message(self, *_arguments: object) -> None:
            pass

    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


# The text that the output of each block contains, in the order of the blocks.
PRINTS = [
    "recorded: 0.00000000 EAML left",
    "100.00000000\namount_is_float",
    "",
    "",
    "{'operation': '0198'}",
    "99.93000000 available, 0.00000000 due",
    "",
    "not_a_cloudevent None the message has no CloudEvents attributes",
]


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_a_block_runs(
    number: int, ledger: tuple[str, Ledger], web: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Only the addresses are replaced by those of the test's servers."""
    address, _ = ledger
    code = BLOCKS[number].replace("localhost:9092", address).replace("https://ledger.example.com", web)
    exec(compile(code, f"README.md block {number}", "exec"), {"__name__": "__main__"})
    assert PRINTS[number] in capsys.readouterr().out


def test_every_block_has_an_expected_output() -> None:
    """A new block needs a line in `PRINTS`."""
    assert len(BLOCKS) == len(PRINTS)
