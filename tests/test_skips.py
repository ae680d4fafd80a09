"""Skips are on a list, and a run says what it has not tried."""

import pytest

from tests.skips import how_to_get, summary


@pytest.mark.parametrize(
    ("reason", "how"),
    [
        ("hledger is not installed", "apt-get install hledger"),
        ("no Chromium is installed", "apt-get install chromium"),
        ("LEDGER_TEST_KAFKA=apache is not set", "make test-kafka"),
        ("the author was tired", None),
    ],
)
def test_a_skip_is_on_the_list_or_not(reason: str, how: str | None) -> None:
    """By its whole reason."""
    assert how_to_get(reason) == how


def test_a_run_says_what_was_not_tried() -> None:
    """Once for each reason."""
    assert summary(["hledger is not installed", "the author was tired", "the author was tired"]) == [
        "not tried: 1 test (hledger is not installed): apt-get install hledger",
        "not tried: 2 tests (the author was tired): NOT ON THE LIST of tests/skips.py",
    ]
