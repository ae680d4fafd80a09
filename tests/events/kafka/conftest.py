"""Fixtures on a broker: fresh topics, publishers, users and machines."""

from collections.abc import Iterator, Sequence

import pytest
from kafka import KafkaAdminClient

from events.kafka.clients import make_admin
from events.kafka.topics import create_missing
from ledger.management.topics import declared_topics
from models import Machine, User
from tests.builders import fund, make_machine, make_user
from tests.connections import until
from tests.events.kafka.world import Publisher


@pytest.fixture
def admin(kafka: str) -> Iterator[KafkaAdminClient]:
    """An admin client of the broker."""
    made = make_admin(client="tests")
    yield made
    made.close()


@pytest.fixture
def fresh_topics(admin: KafkaAdminClient, transactional_db: None) -> None:
    """Every topic, empty, with a new id."""
    recreate_topics(admin, [topic.name for topic in declared_topics()])


@pytest.fixture
def publisher(fresh_topics: None) -> Iterator[Publisher]:
    """A service that publishes."""
    made = Publisher()
    yield made
    made.close()


@pytest.fixture
def user(fresh_topics: None) -> User:
    """A user with 100 USD and 100 EAML."""
    return fund(make_user(), usd=100, eaml=100)


@pytest.fixture
def machine(fresh_topics: None) -> Machine:
    """A machine of another user, with a price for everything."""
    return make_machine(make_user(), api="0.01", data_source="3", copy="5", copy_update="0.5")


def recreate_topics(admin: KafkaAdminClient, names: Sequence[str]) -> None:
    """Delete topics and create them again: the same names with other ids."""
    if gone := sorted(set(admin.list_topics()) & set(names)):
        admin.delete_topics(gone)
        wait_until_gone(admin, *gone)
    create_missing(admin, declared_topics())


def wait_until_gone(admin: KafkaAdminClient, *names: str) -> None:
    """Wait until topics are deleted: Apache Kafka deletes asynchronously."""
    until(lambda: not set(names) & set(admin.list_topics()), 15)
