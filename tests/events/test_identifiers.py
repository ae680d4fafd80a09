"""UUID version 7: its format, and its order by creation time."""

import re
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

import pytest

from events.identifiers import uuid7


def test_uuid7_has_the_canonical_form() -> None:
    """Version 7, variant 10, lower case, 36 characters."""
    form = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    for _ in range(2000):
        made = uuid7()
        assert form.fullmatch(made)
        assert (UUID(made).version, UUID(made).variant) == (7, "specified in RFC 4122")
        assert str(UUID(made)) == made


def test_uuid7_begins_with_the_milliseconds_since_1970() -> None:
    """The first 48 bits are the time."""
    before = time.time_ns() // 1_000_000
    made = UUID(uuid7()).int >> 80
    assert before <= made <= time.time_ns() // 1_000_000


def test_ids_of_different_milliseconds_sort_by_time() -> None:
    """The text form sorts, as in an index."""
    made = []
    for _ in range(5):
        made.append(uuid7())
        time.sleep(0.002)
    assert made == sorted(made)


def test_ids_of_one_process_sort_by_the_order_they_were_made_in() -> None:
    """Even within a millisecond, because grants of one batch are spent in that order. No id repeats."""
    made = [uuid7() for _ in range(20_000)]
    assert made == sorted(set(made))


def test_ids_of_several_threads_never_repeat() -> None:
    """The ids of each thread keep their order."""
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: [uuid7() for _ in range(2000)], range(4)))
    assert all(each == sorted(each) for each in made)
    assert len({each for one in made for each in one}) == 8000


def test_a_clock_that_goes_back_does_not_change_the_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Later ids sort later."""
    first = uuid7()
    monkeypatch.setattr(time, "time_ns", lambda: 1)
    assert uuid7() > first
