"""The fingerprint is over the command as sent: what makes two commands the same, and what does not."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from ledger.engine.submission import Submission
from tests import builders as make
from tests.builders import submission


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The same amount, written otherwise.
        (make.top_up(1, "12.5"), make.top_up(1, "12.50000000")),
        (make.solving(7, user=1, unit_price="0.0001"), make.solving(7, user=1, unit_price="0.00010000")),
        # A default that was spelt out.
        (make.top_up(1, "1"), make.top_up(1, "1", payment_provider="default")),
        (make.training(7, user=1), make.training(7, user=1, count_of_training_epoch=None)),
        # Who sends it under which key, and in which context.
        (make.bill(1, "1", key="a"), make.bill(1, "1", key="b", source="/services/other")),
        # A note, which is compared by its own hash.
        (make.top_up(1, "1", reference="a"), make.top_up(1, "1", reference="b")),
    ],
)
def test_same_command_has_the_same_fingerprint(one: Submission, other: Submission) -> None:
    """However it was written."""
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
    """Another value anywhere is another command."""
    one: dict[str, Any] = {"kind": "solving", "user": 1, "machine": 7, "count_of_lines": 5}
    assert submission(**one).fingerprint() != submission(**{**one, **other}).fingerprint()


def test_fingerprint_says_by_which_algorithm_it_was_made() -> None:
    """Version 1 is SHA-256 of the canonical JSON, and must stay what it is: keys are kept for ever."""
    made = make.machine_copy(7, user=1).fingerprint()
    # SHA-256 of {"machine":7,"operation_user":1,"type":"machine_copy"}
    assert made.hex() == "010bb8f89664a5e560c5ad38d9e56e1b3ee827ee72f01ae806559579e3189d8148"


def test_payment_reference_is_in_no_command() -> None:
    """It is a note: neither event nor fingerprint can be guessed back to it."""
    paid = make.top_up(1, "1", reference="pi_secret")
    assert "pi_secret" not in str(paid.sent)
    assert paid.notes == {"payment_reference": "pi_secret"}
