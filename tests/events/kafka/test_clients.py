"""Clients are made from the settings, and workers pace themselves."""

from typing import Any

import pytest
from django.db import DataError, IntegrityError, InterfaceError, OperationalError
from pydantic import SecretStr

from easyautoml_ledger import topics
from events.kafka import clients
from events.pace import Pace
from events.poison import is_poison
from events.worker import Backoff
from models import Machine, User
from tests.events.kafka.world import Publisher, events, ingesting, wait_for


def test_every_client_connects_as_the_settings_say(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """SASL and TLS included."""
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(
        update={
            "kafka_bootstrap_servers": "one:9093,two:9093",
            "kafka_security_protocol": "SASL_SSL",
            "kafka_sasl_mechanism": "SCRAM-SHA-512",
            "kafka_sasl_username": "ledger",
            "kafka_sasl_password": SecretStr("secret"),
            "kafka_ssl_cafile": "/etc/ca.pem",
            "kafka_ssl_check_hostname": False,
        }
    )
    made: list[dict[str, Any]] = []

    class Fake:
        def __init__(self, **options: Any) -> None:
            made.append(options)

        def init_transactions(self) -> None:
            pass

    for name in ("KafkaConsumer", "KafkaProducer", "KafkaAdminClient"):
        monkeypatch.setattr(clients, name, Fake)
    clients.make_consumer(client="a")
    clients.make_reader(client="a")
    clients.make_producer(client="a", transactional_id="b")
    clients.make_admin(client="a")
    expected = {
        "bootstrap_servers": ["one:9093", "two:9093"],
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "ledger",
        "sasl_plain_password": "secret",
        "ssl_cafile": "/etc/ca.pem",
        "ssl_check_hostname": False,
    }
    assert len(made) == 4
    assert all(expected.items() <= options.items() for options in made)


@pytest.mark.parametrize("compression", ["gzip", "lz4", "snappy", "zstd"])
def test_every_compression_of_publishers_is_read(
    compression: str, fresh_topics: None, user: User, machine: Machine
) -> None:
    """Publishers choose it freely."""
    publisher = Publisher(compression_type=compression)
    ids = [f"{n}" for n in range(20)]
    publisher.operations(
        [("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1}) for id_ in ids]
    )
    publisher.close()
    with ingesting():
        wait_for(20)
    assert [id_ for source, id_ in events() if source == topics.TRAINING_SERVICE] == ids


def _posted(pace: Pace, batches: int, *, fixed: float, each: float) -> float:
    """Return the seconds of the last of several full batches, with these costs per batch and per message."""
    seconds = 0.0
    for _ in range(batches):
        seconds = fixed + each * pace.size
        pace.took(seconds, pace.size)
    return seconds


def test_the_pace_converges_on_transactions_of_40_milliseconds() -> None:
    """From either side, whatever the fixed cost of a batch."""
    pace = Pace(limit=1000)
    assert _posted(pace, 20, fixed=0.012, each=0.0001) == pytest.approx(0.040, abs=0.001)
    assert _posted(pace, 20, fixed=0.002, each=0.0003) == pytest.approx(0.040, abs=0.001)
    assert _posted(pace, 20, fixed=0.012, each=0.0001) == pytest.approx(0.040, abs=0.001)


def test_the_pace_stays_within_its_limits() -> None:
    """Slow batches do not shrink it for ever, quick ones do not exceed the maximum."""
    pace = Pace(limit=400)
    _posted(pace, 20, fixed=0, each=0.00001)
    assert pace.size == 400
    _posted(pace, 20, fixed=1, each=0)
    assert pace.size == 100
    assert Pace(limit=7).size == 7
    _posted(small := Pace(limit=7), 20, fixed=1, each=0)
    assert small.size == 7


def test_one_slow_batch_at_most_halves_the_pace_and_a_small_one_leaves_it() -> None:
    """A short delay of the disk costs a few batches, not the pace of the next minute."""
    pace = Pace(limit=1000)
    _posted(pace, 20, fixed=0.012, each=0.0001)
    full = pace.size
    pace.took(2.0, full)
    assert full / 2 <= pace.size <= full / 2 + 5
    pace.took(0.001, 3)
    assert pace.size <= full / 2 + 5
    _posted(pace, 8, fixed=0.012, each=0.0001)
    assert pace.size == pytest.approx(full, abs=5)


def test_delays_grow_up_to_a_limit_and_start_again_after_a_success() -> None:
    """With jitter, so that workers do not return all at once."""
    backoff = Backoff(first=1, limit=4)
    waits = [backoff.next() for _ in range(5)]
    assert all(half <= wait <= 2 * half for wait, half in zip(waits, [0.5, 1, 2, 2, 2], strict=True))
    backoff.reset()
    assert backoff.next() <= 1


def test_only_errors_caused_by_a_message_are_poison() -> None:
    """No message causes a lost database."""
    assert is_poison(DataError("a value"))
    assert is_poison(IntegrityError("a constraint"))
    assert is_poison(ValueError("a NUL in a text"))
    assert not is_poison(OperationalError("the server closed the connection"))
    assert not is_poison(InterfaceError("connection already closed"))
    assert not is_poison(RuntimeError("a broken invariant"))
