"""An operator sees lag, unpublished events and stored messages in `/metrics`. Needs no broker."""

import re
from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import DatabaseError, OperationalError, connection
from django.test import Client
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.operations import Operation
from events import counters
from events.kafka import checkpoints
from events.kafka.progress import Progress
from events.settler import settle_all
from ledger.engine.posting import post
from ledger.intake import waiting
from ledger.intake.messages import handle
from models import Machine, User
from projections import monitoring
from tests import builders as make
from tests.builders import make_user, recorded
from tests.docs import pages
from tests.ledger.intake.test_hold_messages import message
from web.api.monitoring import LedgerCollector

pytestmark = pytest.mark.django_db(transaction=True)

OPERATIONS = topics.TRAINING_OPERATIONS


@pytest.fixture(autouse=True)
def _made_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("web.api.metrics._KEPT_SECONDS", 0)


def metrics() -> dict[str, float]:
    """Return every metric of the ledger by its name with its labels."""
    text = Client().get("/metrics").content.decode()
    return {name: float(value) for name, value in re.findall(r"^(ledger_\S+) (\S+)$", text, re.MULTILINE)}


def position(partition: int, start: int, end: int, *, topic_id: str, age: int = 0, alarm: Any = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """insert into events_kafka_position
                   (topic_id, partition, topic, next_offset, end_offset, alarm, updated_at)
               values (%s, %s, %s, %s, %s, %s, now() - make_interval(secs => %s))""",
            [topic_id, partition, OPERATIONS, start, end, alarm, age],
        )


def test_lag_is_reported_by_partition_of_the_newest_topic() -> None:
    """A deleted topic lags for ever, so it is left out."""
    old, new = str(uuid4()), str(uuid4())
    position(0, 5, 900, topic_id=old, age=100)
    position(0, 5, 12, topic_id=new)
    position(1, 9, 9, topic_id=new, alarm="messages are gone")
    found = monitoring.read()
    assert [tuple(each) for each in found.partitions] == [(OPERATIONS, 0, 7, False), (OPERATIONS, 1, 0, True)]
    assert found.lag == 7
    shown = metrics()
    assert shown[f'ledger_consumer_lag{{partition="0",topic="{OPERATIONS}"}}'] == 7
    assert shown[f'ledger_partition_alarm{{partition="1",topic="{OPERATIONS}"}}'] == 1


def test_the_outbox_has_a_lag_and_an_age(user: User, machine: Machine) -> None:
    """Both are 0 for a topic when everything is published, whatever other readers have read."""
    last = settle_all()
    billing = (topics.BILLING_OPERATIONS, str(uuid4()))
    checkpoints.start(*billing, last)
    checkpoints.start(topics.BILLING_DEAD_LETTERS, str(uuid4()), 0)
    assert monitoring.read().unpublished == [monitoring.Unpublished(topics.BILLING_OPERATIONS, 0, 0.0)]
    two_hours_ago = timezone.now() - timedelta(hours=2)
    new = make_user()
    post([make.top_up(new, 1)], clock=lambda: two_hours_ago)
    recorded(make.solving(machine, user=user))
    after = settle_all()
    ((topic, lag, age),) = monitoring.read().unpublished
    assert (topic, lag) == (topics.BILLING_OPERATIONS, 2)
    assert age == pytest.approx(2 * 60 * 60, abs=60)
    checkpoints.move([billing], last, after)
    shown = metrics()
    assert shown[f'ledger_outbox_lag{{topic="{topics.BILLING_OPERATIONS}"}}'] == 0
    assert shown[f'ledger_outbox_age_seconds{{topic="{topics.BILLING_OPERATIONS}"}}'] == 0
    assert (shown["ledger_settled_position"], shown["ledger_unsettled_positions"]) == (after, 0)


def test_stored_messages_are_counted_by_topic_and_code(machine: Machine) -> None:
    """Open dead letters and waiting messages, not those that are resolved."""
    body = b'{"type":"solving","operation_user":999999,"machine":1,"count_of_lines":1}'
    handle(
        [message(Operation.event_type, b"{}", offset=1), message(Operation.event_type, body, offset=2)],
        lambda _cursor: None,
    )
    found = monitoring.read()
    assert [each[:3] for each in found.dead_letters] == [(OPERATIONS, "missing_field", 1)]
    assert [each[:3] for each in found.waiting] == [(OPERATIONS, "undecided", 1)]
    shown = metrics()
    assert shown[f'ledger_dead_letters{{code="missing_field",topic="{OPERATIONS}"}}'] == 1
    assert shown[f'ledger_waiting_messages{{code="undecided",topic="{OPERATIONS}"}}'] == 1
    with connection.cursor() as cursor:
        cursor.execute("update events_dead_letter set state = 'dismissed'")
        cursor.execute("update events_waiting set deadline = now()")
    waiting.sweep()
    found = monitoring.read()
    assert (found.dead_letters, found.waiting) == ([], [])


def test_outcomes_are_summed_over_all_workers() -> None:
    """Two workers of one name, and a restart, have one sum, with the duplicates in it."""
    for _ in range(2):
        worker = Progress("ingest")
        worker.count(Counter(recorded=2, duplicate=1, parked=0), 3)
        worker.report(0, 1)
        worker.count(Counter(recorded=1), 1)
        worker.report(0, 1)
    counters.add("relay", {"events": 5})
    found = monitoring.read()
    assert found.done == [("ingest", "duplicate", 2), ("ingest", "recorded", 6), ("relay", "events", 5)]
    assert found.replayed == 2
    assert metrics()['ledger_worker_outcomes_total{outcome="duplicate",worker="ingest"}'] == 2


def test_counts_that_could_not_be_saved_are_saved_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is away for a moment costs no count, and ends no worker."""
    worker = Progress("ingest")
    worker.count(Counter(recorded=2), 2)

    def away(*_: Any) -> None:
        raise OperationalError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(counters, "add", away)
        worker.report(0, 1)
    worker.count(Counter(recorded=3), 3)
    worker.report(0, 1)
    assert monitoring.read().done == [("ingest", "recorded", 5)]


def test_every_metric_is_documented() -> None:
    """Every documented metric exists too."""
    shown = {name.partition("{")[0] for name in metrics() if not name.startswith("ledger_http_")}
    families = {family.name for family in LedgerCollector().collect()}
    (page,) = (t for t in pages.tables(pages.DOCS / "running.md") if t.header[0] == "metric")
    named = set(re.findall(r"`(ledger_\w+)`", " ".join(cell for row in page.rows for cell in row)))
    assert named == families - {"ledger_worker_outcomes"} | {"ledger_worker_outcomes_total"}
    assert shown <= named


def test_metrics_without_a_database_report_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Metrics that need no database are still shown."""

    def away() -> None:
        raise DatabaseError("it is gone")

    monkeypatch.setattr(monitoring, "read", away)
    shown = metrics()
    assert shown["ledger_database_up"] == 0
    assert not any(name.startswith("ledger_consumer_lag") for name in shown)


def test_the_first_page_of_the_administration_shows_lag_and_alarms(user: User) -> None:
    """Lag by topic, stopped partitions, the outbox, and the number of messages that came twice."""
    position(3, 5, 12, topic_id=str(uuid4()), alarm="messages are gone")
    checkpoints.start(topics.BILLING_OPERATIONS, str(uuid4()), settle_all() - 1)
    counters.add("ingest", {"duplicate": 41})
    client = Client()
    client.force_login(User.objects.create_superuser(email="admin@example.com", password=str(uuid4())))
    content = client.get("/admin/").content.decode()
    assert "7 unread messages, 41 duplicates so far" in content
    assert OPERATIONS in content
    assert "7, partition 3 stopped: see manage.py positions" in content
    assert topics.BILLING_OPERATIONS in content
