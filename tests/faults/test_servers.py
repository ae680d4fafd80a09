"""Broker and database that go away and come back, and workers that share the work meanwhile."""

import os
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from easyautoml_ledger import topics
from events.kafka.clients import make_admin
from events.kafka.topics import create_missing
from models import Machine, User
from stack import Stack
from tests.builders import amount, balances, fund, make_machine, make_user, post_one, solving
from tests.integration.connections import until
from tests.kafka.world import (
    Publisher,
    events,
    heard,
    ingesting,
    parked,
    relaying,
    rows,
    wait_for,
    wait_until_told,
)

OUT = topics.BILLING_OPERATIONS
TRAININGS = topics.TRAINING_OPERATIONS
LINE = amount("0.0001")


@pytest.fixture
def broker(transactional_db: None, settings: Any) -> Iterator[Stack]:
    """A broker of this test's own, which may be killed. Settings name it."""
    kind = os.environ.get("LEDGER_TEST_KAFKA") or "embedded"
    with Stack(postgres=False, kafka="apache" if kind == "apache" else "embedded") as stack:
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
            update={"kafka_bootstrap_servers": stack.bootstrap_servers}
        )
        _make_topics()
        yield stack


@pytest.fixture
def user(broker: Stack) -> User:
    """Has 100 EAML."""
    return fund(make_user(), eaml=100)


@pytest.fixture
def machine(broker: Stack) -> Machine:
    """Of another user."""
    return make_machine(make_user())


@pytest.mark.kafka
def test_a_broker_that_is_killed_and_comes_back(broker: Stack, user: User, machine: Machine) -> None:
    """The embedded one without its topics, Apache Kafka with them; the ledger goes on meanwhile."""
    assert broker.broker is not None
    first, second = [f"first {n}" for n in range(50)], [f"second {n}" for n in range(50)]
    with ingesting(alone=False), relaying():
        _solve(user, machine, first)
        wait_for(50)
        wait_until_told()
        broker.broker.kill()
        assert post_one(solving(machine, user=user, lines=1, key="meanwhile")).status == "recorded"
        threading.Event().wait(1)
        broker.broker.start()
        _make_topics()
        _solve(user, machine, second)
        until(lambda: len(events()) == 102, 60)
        wait_until_told(seconds=60)
    assert sorted(id_ for _, id_ in events()[1:]) == sorted([*first, *second, "meanwhile"])
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - 101 * LINE
    told = [message.payload.position for message in heard(OUT)]
    assert set(told) == {
        row[0] for row in rows("select position from events_event where type like 'operation.%%'")
    }


@pytest.mark.kafka
def test_three_workers_join_and_leave_under_load(broker: Stack, user: User, machine: Machine) -> None:
    """Partitions change hands all the time; every operation is posted once."""
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
    """Workers of a stack of their own: they wait, and go on where the database is."""
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


def _make_topics() -> None:
    admin = make_admin(client="tests")
    create_missing(admin)
    admin.close()


def _solve(user: User, machine: Machine, ids: list[str]) -> None:
    publisher = Publisher()
    publisher.operations(
        [("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1}) for id_ in ids]
    )
    publisher.close()


def make_people(stack: Stack) -> None:
    """A user and his machine, both 1001, in a ledger of the test's own."""
    code = (
        "from models import Machine, User; user = User.objects.create(pk=1001, email='one@example.com'); "
        "Machine.objects.create(pk=1001, machine_owner_user=user, machine_name='one', "
        "dfr_columns_type_user_df={'one': 'FLOAT'})"
    )
    stack.manage("shell", "--command", code)
