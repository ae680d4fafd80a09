"""The fingerprint of a command as sent: the differences that change it, and those that do not."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from ledger.engine.submission import Submission
from tests import builders as make
from tests.builders import submission


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The same amount in another notation.
        (make.top_up(1, "12.5"), make.top_up(1, "12.50000000")),
        (make.solving(7, user=1, unit_price="0.0001"), make.solving(7, user=1, unit_price="0.00010000")),
        # A default value that was sent explicitly.
        (make.top_up(1, "1"), make.top_up(1, "1", payment_provider="default")),
        (make.training(7, user=1), make.training(7, user=1, count_of_training_epoch=None)),
        # The sender, the key and the context.
        (make.bill(1, "1", key="a"), make.bill(1, "1", key="b", source="/services/other")),
        # A note, which is compared by its own hash.
        (make.top_up(1, "1", reference="a"), make.top_up(1, "1", reference="b")),
    ],
)
def test_same_command_has_the_same_fingerprint(one: Submission, other: Submission) -> None:
    """Notation, defaults, keys, senders and notes make no difference."""
    assert one.fingerprint() == other.fingerprint()


def test_same_moment_in_another_zone_has_the_same_fingerprint() -> None:
    """Times are compared in UTC."""
    moment = make.minutes_ago(1)
    elsewhere = moment.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert make.bill(1, "1", at=moment).fingerprint() == make.bill(1, "1", at=elsewhere).fingerprint()


@pytest.mark.parametrize(
    "other",
    [
        {"kind": "solving_with_api"},
        {"user": 2},
        {"machine": 8},
        {"count_of_lines": 6},
        {"unit_price": "0.0001"},
        {"at": make.minutes_ago(1)},
    ],
)
def test_every_field_of_the_command_counts(other: dict[str, Any]) -> None:
    """A different value of any field makes a different command."""
    one: dict[str, Any] = {"kind": "solving", "user": 1, "machine": 7, "count_of_lines": 5}
    assert submission(**one).fingerprint() != submission(**{**one, **other}).fingerprint()


def test_fingerprint_begins_with_the_version_of_its_algorithm() -> None:
    """Version 1, SHA-256 of the canonical JSON, can never change: keys are stored for ever."""
    made = make.machine_copy(7, user=1).fingerprint()
    # SHA-256 of {"machine":7,"operation_user":1,"type":"machine_copy"}
    assert made.hex() == "010bb8f89664a5e560c5ad38d9e56e1b3ee827ee72f01ae806559579e3189d8148"


def test_payment_reference_is_not_in_the_sent_command() -> None:
    """It is a note, so it cannot be guessed from the event or the fingerprint."""
    paid = make.top_up(1, "1", reference="pi_secret")
    assert "pi_secret" not in str(paid.sent)
    assert paid.notes == {"payment_reference": "pi_secret"}
