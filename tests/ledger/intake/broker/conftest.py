"""Fixtures on a broker, shared with the tests of `events.kafka`."""

from tests.events.kafka.conftest import admin, fresh_topics, machine, publisher, user

__all__ = ["admin", "fresh_topics", "machine", "publisher", "user"]
