"""A control total and its answer over a broker."""

from datetime import timedelta

import pytest
from django.utils import timezone

from easyautoml_ledger import topics
from easyautoml_ledger.control_total import ControlTotal
from easyautoml_ledger.outcomes import ControlTotalCompared
from easyautoml_ledger.payloads import encode
from ledger.intake import control_totals
from models import Machine, User
from tests.connections import until
from tests.events.kafka.world import (
    Publisher,
    ingesting,
    payloads,
    relaying,
    rows,
    wait_for,
    wait_until_published,
)


def test_publisher_learns_what_is_missing(
    publisher: Publisher, user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sent again under its id, the total is not answered again."""
    monkeypatch.setattr(control_totals, "ANSWER_AFTER", timedelta(seconds=1))
    lines = {"machine": machine.pk, "count_of_lines": 10}
    total = ControlTotal.model_validate(
        {
            "window_start": timezone.now() - timedelta(hours=1),
            "window_end": timezone.now() + timedelta(hours=1),
            "totals": [{"kind": "solving", "count": 4, "count_of_lines": 40}],
        }
    )
    topic = topics.TRAINING_OPERATIONS
    event = publisher.event(topic, encode(total), type=ControlTotal.event_type)
    with ingesting(), relaying():
        publisher.operations([("solving", user.pk, lines)] * 3)
        publisher.send(topic, event)
        publisher.send(topic, event)
        wait_for(5)
        until(lambda: not rows("select from events_waiting"), 15)
        wait_until_published()
    (answer,) = payloads(topics.BILLING_OPERATIONS, ControlTotalCompared)
    (kind,) = answer.kinds
    assert (answer.request_id, answer.agrees, kind.missing) == (event.id, False, 1)
    assert kind.different == ("count", "count_of_lines")
