"""Broker and database fail and recover while workers share the work."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, Final

import pytest

from easyautoml_ledger import topics
from easyautoml_ledger.http_publisher import HttpPublisher
from easyautoml_ledger.listeners import OutcomeListener
from easyautoml_ledger.operations import Solving
from easyautoml_ledger.outcomes import OperationRecorded
from events.kafka.clients import make_admin
from events.kafka.topics import create_missing
from ledger.management.topics import declared_topics
from models import Machine, User
from stack import Stack
from stack.apache_kafka import ApacheKafka
from stack.local import Kafka
from tests.builders import amount, balances, fund, make_machine, make_user, post_one, solving
from tests.connections import until
from tests.events.kafka.world import (
    Publisher,
    events,
    heard,
    ingesting,
    parked,
    relaying,
    rows,
    wait_for,
    wait_until_published,
)

pytestmark = pytest.mark.faults

OUT = topics.BILLING_OPERATIONS
TRAININGS = topics.TRAINING_OPERATIONS
LINE = amount("0.0001")
_KIND: Final[Kafka] = "apache" if os.environ.get("LEDGER_TEST_KAFKA") == "apache" else "embedded"


@pytest.fixture
def broker(transactional_db: None, settings: Any) -> Iterator[Stack]:
    """A broker for this test alone, which may be killed. The settings name it."""
    with Stack(postgres=False, kafka=_KIND) as stack:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={"kafka_bootstrap_servers": stack.bootstrap_servers}
        )
        _make_topics()
        yield stack


@pytest.fixture
def user(broker: Stack) -> User:
    """A user with 100 EAML."""
    return fund(make_user(), eaml=100)


@pytest.fixture
def machine(broker: Stack) -> Machine:
    """A machine of another user."""
    return make_machine(make_user())


@pytest.mark.kafka
def test_a_broker_that_is_killed_and_comes_back(broker: Stack, user: User, machine: Machine) -> None:
    """The embedded one without its topics, Apache Kafka with them; the ledger keeps working."""
    assert broker.broker is not None
    first, second = [f"first {n}" for n in range(50)], [f"second {n}" for n in range(50)]
    with ingesting(alone=False), relaying():
        _solve(user, machine, first)
        wait_for(50)
        wait_until_published()
        broker.broker.kill()
        assert post_one(solving(machine, user=user, lines=1, key="meanwhile")).status == "recorded"
        threading.Event().wait(1)
        broker.broker.start()
        _make_topics()
        _solve(user, machine, second)
        until(lambda: len(events()) == 102, 60)
        wait_until_published(seconds=60)
    assert sorted(id_ for _, id_ in events()[1:]) == sorted([*first, *second, "meanwhile"])
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - 101 * LINE
    published = [message.payload.position for message in heard(OUT)]
    assert set(published) == {
        row[0] for row in rows("select position from events_event where type like 'operation.%%'")
    }


@pytest.mark.kafka
def test_operations_over_http_continue_while_the_broker_is_away_for_a_minute() -> None:
    """All are answered as quickly as before, and published once the broker is back."""
    with Stack(kafka=_KIND, durable=False) as stack:
        assert stack.broker is not None
        assert stack.postgres is not None
        stack.setup()
        make_people(stack)
        made = stack.manage(
            *("api_key", "create", "--name", "training"),
            *("--scope", "ledger:write", "--source", topics.TRAINING_SERVICE),
        )
        for worker in ("web", "ingest", "relay"):
            stack.start(worker)
        stack.wait_for_web()
        ledger = HttpPublisher(url=stack.web_url, api_key=made.stdout.split()[0], attempts=1)
        solving_ = Solving(type="solving", operation_user=1001, machine=1001, count_of_lines=1)
        ids = [ledger.publish(solving_).body["id"]]
        until(lambda: _published_up_to(stack) == _last(stack), 60)
        stack.broker.kill()
        away, slowest = time.monotonic(), 0.0
        while time.monotonic() - away < 60:
            began = time.monotonic()
            ids.append(ledger.publish(solving_).body["id"])
            slowest = max(slowest, time.monotonic() - began)
            threading.Event().wait(0.2)
        assert slowest < 5
        assert len(ids) > 60
        stack.broker.start()
        # The embedded broker has created the topics that workers asked for, with its own settings.
        stack.manage("topics", check=_KIND == "apache")
        until(lambda: _published_up_to(stack) == _last(stack), 60)
        for worker in ("ingest", "relay"):
            assert stack.workers[worker].running, "it waited, and continued"
        with OutcomeListener(bootstrap_servers=stack.bootstrap_servers, from_beginning=True) as listener:
            published = set[str]()

            def all_published() -> bool:
                outcomes = listener.poll()
                published.update(
                    str(each.operation) for each in outcomes if isinstance(each, OperationRecorded)
                )
                return published == set(ids)

            until(all_published, 30)
        assert stack.manage("verify").stdout.startswith("verify: ok")


@pytest.mark.kafka
@pytest.mark.skipif(_KIND != "apache", reason="the embedded broker is a single one")
def test_a_leader_that_moves(transactional_db: None, settings: Any) -> None:
    """Each of three brokers is killed and restarted, and leaders move back, under load."""
    with Stack(postgres=False, kafka="apache", brokers=3) as stack:
        kafka = stack.broker
        assert isinstance(kafka, ApacheKafka)
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={
                "kafka_bootstrap_servers": stack.bootstrap_servers,
                "kafka_replication_factor": 3,
            }
        )
        _make_topics()
        users, machine = [fund(make_user(), eaml=100) for _ in range(12)], make_machine(make_user())
        ids, publisher = [f"{n}" for n in range(1500)], Publisher()
        with ingesting(alone=False, batch=10), relaying():
            for part, node in enumerate(kafka.nodes):
                leaders = _leaders()
                for n in range(part * 500, part * 500 + 500):
                    if n % 500 == 200:
                        node.kill()
                    fields = {"id": ids[n], "machine": machine.pk, "count_of_lines": 1}
                    publisher.operations([("solving", users[n % 12].pk, fields)])
                wait_for(part * 500 + 500, seconds=120)
                assert _leaders() != leaders, "its partitions have other leaders now"
                kafka.start()
                _move_leaders_back()
            wait_until_published(seconds=60)
        publisher.close()
        assert sorted(id_ for _, id_ in events() if id_.isdecimal()) == sorted(ids)
        assert parked() == []
        published = [message.payload.position for message in heard(OUT)]
        assert set(published) == {
            row[0] for row in rows("select position from events_event where type like 'operation.%%'")
        }


@pytest.mark.kafka
@pytest.mark.skipif(_KIND != "apache", reason="the embedded broker keeps a leader that left for a minute")
def test_three_workers_join_and_leave_under_load(broker: Stack, user: User, machine: Machine) -> None:
    """Partitions move all the time; every operation is posted once."""
    users = [fund(make_user(), eaml=100) for _ in range(12)]
    ids = [f"{n}" for n in range(3000)]
    publisher = Publisher()
    with ExitStack() as stay:
        stay.enter_context(ingesting(alone=False, batch=10))
        for part in range(3):
            with ingesting(alone=False, batch=10), ingesting(alone=False, batch=10):
                publisher.operations(
                    [
                        (
                            "solving",
                            users[n % len(users)].pk,
                            {"id": ids[n], "machine": machine.pk, "count_of_lines": 1},
                        )
                        for n in range(part * 1000, part * 1000 + 1000)
                    ]
                )
                wait_for(part * 1000 + 600, seconds=120)
        wait_for(3000, seconds=120)
    publisher.close()
    assert sorted(id_ for _, id_ in events() if id_.isdecimal()) == sorted(ids)
    assert parked() == []


@pytest.mark.kafka
def test_a_database_that_is_restarted(kafka: str) -> None:
    """The workers of a separate stack wait, and continue when the database is back."""
    with Stack(kafka=None) as stack:
        assert stack.postgres is not None
        stack.environment["KAFKA_BOOTSTRAP_SERVERS"] = kafka
        stack.environment["LEDGER_KAFKA_GROUP"] = "restarted"
        stack.setup()
        sql = stack.postgres.sql
        make_people(stack)
        publisher = Publisher()
        fields = {"machine": 1001, "count_of_lines": 1}
        began = int(sql("select count(*) from events_event"))

        def posted() -> int:
            return int(sql("select count(*) from events_event")) - began

        stack.start("ingest")
        stack.start("relay")
        publisher.operations([("solving", 1001, {"id": f"restart {n}", **fields}) for n in range(500)])
        until(lambda: posted() > 50, 30)
        stack.postgres.stop()
        publisher.operations([("solving", 1001, {"id": f"restart {500 + n}", **fields}) for n in range(500)])
        stack.postgres.start()
        until(lambda: posted() >= 1000, 60)
        publisher.close()
        assert posted() == 1000
        assert sql("select count(distinct metadata->>'request_id') from events_event") == str(began + 1000)
        assert sql("select count(*) from events_dead_letter") == "0"
        until(lambda: _published_up_to(stack) == _last(stack), 60)


def _published_up_to(stack: Stack) -> int:
    """Return the position up to which a separate ledger's relay has published operations."""
    assert stack.postgres is not None
    return int(
        stack.postgres.sql(
            """select coalesce(max(position), -1) from events_checkpoint
               where updated_at = (select max(updated_at) from events_checkpoint
                                   where starts_with(name, 'relay:billing.operations:'))"""
        )
    )


def _last(stack: Stack) -> int:
    assert stack.postgres is not None
    return int(stack.postgres.sql("select max(position) from events_event"))


def _leaders() -> list[tuple[str, int, int]]:
    """Return topic, partition and leader of all our partitions."""
    admin = make_admin(client="tests")
    found = [
        (topic["name"], partition["partition_index"], partition["leader_id"])
        for topic in admin.describe_topics([TRAININGS, OUT])
        for partition in topic["partitions"]
    ]
    admin.close()
    return sorted(found)


def _move_leaders_back() -> None:
    """Move each partition to its preferred broker, once that has caught up."""
    admin = make_admin(client="tests")

    def in_sync() -> bool:
        partitions = [p for topic in admin.describe_topics([TRAININGS, OUT]) for p in topic["partitions"]]
        return all(len(partition["isr_nodes"]) == 3 for partition in partitions)

    until(in_sync, 60)
    admin.elect_leaders(0, [TRAININGS, OUT], raise_errors=False)
    admin.close()


def _make_topics() -> None:
    admin = make_admin(client="tests")
    create_missing(admin, declared_topics())
    admin.close()


def _solve(user: User, machine: Machine, ids: list[str]) -> None:
    publisher = Publisher()
    publisher.operations(
        [("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1}) for id_ in ids]
    )
    publisher.close()


def make_people(stack: Stack) -> None:
    """Create a user and a machine, both 1001, in the test's own ledger."""
    code = (
        "from models import Machine, User; user = User.objects.create(pk=1001, email='one@example.com'); "
        "Machine.objects.create(pk=1001, machine_owner_user=user, machine_name='one', "
        "dfr_columns_type_user_df={'one': 'FLOAT'})"
    )
    stack.manage("shell", "--command", code)
