"""The settled position: readers up to it miss no event and see the right order."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction

from events import settler as settling
from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from events.settler import Settler, settle_all, settled
from tests.connections import Worker, another, until

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Writer:
    """Appends on its own connection, in a transaction that the test ends."""

    def __init__(self, other: Any) -> None:
        self.cursor = other.cursor()
        self.cursor.execute("begin")

    def append(self, count: int = 1) -> list[int]:
        positions = store.allocate_positions(self.cursor, count)
        store.append(self.cursor, [event(position) for position in positions])
        return positions

    def commit(self) -> None:
        self.cursor.execute("commit")

    def roll_back(self) -> None:
        self.cursor.execute("rollback")


def event(position: int) -> StoredEvent:
    return StoredEvent(
        position=position,
        id=uuid7(),
        stream="x",
        type="user.closed",
        schema_version=1,
        data={"user": 1},
        metadata={},
        occurred_at=NOW,
        recorded_at=NOW,
    )


@contextmanager
def writing() -> Iterator[Writer]:
    with another() as other:
        yield Writer(other)


def appended(count: int = 1) -> list[int]:
    with writing() as writer:
        positions = writer.append(count)
        writer.commit()
    return positions


@pytest.fixture(autouse=True)
def start() -> int:
    """The end of the log before the test."""
    return settle_all()


def test_a_frozen_settler_does_not_stop_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database ends its transaction, and the settler gets the error when it wakes up."""
    frozen, wake = threading.Event(), threading.Event()
    scan = Settler._scan

    def freeze(cursor: Any, after: int) -> tuple[int, int]:
        frozen.set()
        assert wake.wait(30)
        return scan(cursor, after)

    monkeypatch.setattr(Settler, "_scan", staticmethod(freeze))
    (position,) = appended()
    old = Worker(lambda: Settler().advance())
    assert frozen.wait(10)
    monkeypatch.setattr(Settler, "_scan", staticmethod(scan))
    assert settle_all() == position
    wake.set()
    with pytest.raises((OperationalError, InterfaceError)):
        old.answer()


def test_a_writer_that_is_frozen_in_the_middle_of_a_copy_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the database would wait for its next row for ever, with everything locked."""
    frozen, wake = threading.Event(), threading.Event()

    def append() -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            # Enough rows for a COPY: Note [Few rows].
            store.append(cursor, freeze(store.allocate_positions(cursor, 20)))

    def freeze(positions: Sequence[int]) -> Iterator[StoredEvent]:
        yield from map(event, positions)
        frozen.set()
        assert wake.wait(30)

    writer = Worker(append)
    assert frozen.wait(10)
    (later,) = appended()
    settler = Settler()
    assert settler.advance() < later  # the writer may still be working
    monkeypatch.setattr(settling, "_STALLED_AFTER_SECONDS", 0)
    settler.advance()
    until(lambda: settler.advance() == later)
    wake.set()
    with pytest.raises((OperationalError, InterfaceError)):
        writer.answer()
    assert [each.position for each in store.read(after=later - 2, upto=later, limit=9)] == [later]


def test_the_settled_position_follows_appended_events() -> None:
    """Without gaps it is the last position, at once."""
    positions = appended(5)
    assert Settler().advance() == positions[-1] == settled()


def test_an_open_writer_holds_back_later_events(start: int) -> None:
    """A committed later event waits for an uncommitted earlier one."""
    with writing() as slow:
        (first,) = slow.append()
        (second,) = appended()
        settler = Settler()
        assert [settler.advance() for _ in range(3)] == [start] * 3
        slow.commit()
        assert second == first + 1
        assert settler.advance() == second


def test_events_before_the_open_writer_are_settled() -> None:
    """Earlier positions do not wait."""
    (earlier,) = appended()
    with writing() as slow:
        slow.append()
        appended()
        assert Settler().advance() == earlier
        slow.roll_back()


def test_the_gap_of_a_rolled_back_writer_is_passed() -> None:
    """Once the writer is gone, the gap cannot be filled: the second look is certain."""
    with writing() as writer:
        writer.append(3)
        last = appended(2)[-1]
        settler = Settler()
        assert settler.advance() < last
        writer.roll_back()
        assert settler.advance() == last


def test_a_gap_without_a_holder_is_passed_at_once() -> None:
    """It was rolled back before the settler looked."""
    with writing() as writer:
        writer.append()
        writer.roll_back()
    (last,) = appended()
    assert Settler().advance() == last


def test_a_second_open_writer_holds_back_after_the_first_is_gone() -> None:
    """With two gaps, nothing above the second one is settled before its writer ends."""
    with writing() as one, writing() as other:
        one.append()
        (between,) = appended()
        other.append()
        (last,) = appended()
        settler = Settler()
        assert settler.advance() < between
        one.roll_back()
        # It is unknown which of the two could fill the first gap, so the settler may wait for both.
        assert all(settler.advance() <= between for _ in range(3))
        other.commit()
        assert [settler.advance() for _ in range(2)][-1] == last


def test_a_later_writer_does_not_keep_an_old_gap_open() -> None:
    """Only writers present when the gap was seen can fill it."""
    with writing() as gone, writing() as later:
        gone.append()
        (last,) = appended()
        settler = Settler()
        assert settler.advance() < last
        later.append()
        gone.roll_back()
        assert settler.advance() == last
        later.roll_back()


def test_transactions_that_append_nothing_are_not_waited_for() -> None:
    """Even with a snapshot or a transaction id."""
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read")
        cursor.execute("select count(*) from events_event")
        cursor.execute("select pg_current_xact_id()")
        with writing() as writer:
            writer.append()
            writer.roll_back()
        (last,) = appended()
        assert Settler().advance() == last
        cursor.execute("rollback")


def test_only_one_settler_works_at_a_time() -> None:
    """The other one returns the settled position."""
    (last,) = appended()
    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        cursor.execute("select pg_advisory_xact_lock(%s)", [0x4C45_4447_0001])
        before = settled()
        assert Settler().advance() == before < last
        cursor.execute("rollback")
    assert Settler().advance() == last


def test_the_settled_position_passes_more_than_one_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    """With more events than one scan reads, and a gap after them."""
    monkeypatch.setattr("events.settler._SCAN", 10)
    appended(35)
    with writing() as writer:
        writer.append()
        writer.roll_back()
    last = appended(35)[-1]
    settler = Settler()
    reached = [settler.advance() for _ in range(12)]
    assert reached == sorted(reached)
    assert reached[-1] == last


def test_the_settled_position_never_goes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Even if a gap was noted long ago, far below the position that is settled now."""
    monkeypatch.setattr("events.settler._SCAN", 10)
    settler = Settler()
    with writing() as first, writing() as second:
        first.append()
        second.append()
        appended(1)
        reached = [settler.advance()]
        first.commit()
        reached.append(settler.advance())
        second.commit()
        Settler().advance()
        appended(40)
        with writing() as third:
            third.append()
            appended(1)
            reached += [settler.advance() for _ in range(10)]
            third.roll_back()
        reached += [settler.advance() for _ in range(10)]
    assert reached == sorted(reached)


def test_no_reader_misses_or_reorders_an_event(start: int) -> None:
    """With six writers, a third of whose transactions roll back, and an open foreign transaction."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    stop = threading.Event()
    committed: list[int] = []

    def write(number: int) -> list[int]:
        chance, kept = random.Random(seed + number), []
        with another() as other:
            while not stop.is_set():
                writer = Writer(other)
                positions = writer.append(chance.choice([1, 1, 2, 20]))
                time.sleep(chance.choice([0, 0, 0.001, 0.01]))
                if chance.random() < 1 / 3:
                    writer.roll_back()
                else:
                    writer.commit()
                    kept += positions
        return kept

    def read() -> list[int]:
        settler, seen, checkpoint = Settler(), [], start
        while True:
            done = stop.is_set() and not any(worker.is_alive() for worker in workers)
            upto = settler.advance()
            assert upto >= checkpoint
            batch = [each.position for each in store.read(after=checkpoint, upto=upto, limit=10_000)]
            seen += batch
            checkpoint = upto
            if done and not batch:
                return seen

    with another() as foreign, foreign.cursor() as cursor:
        cursor.execute("begin isolation level repeatable read")
        cursor.execute("select pg_current_xact_id(), count(*) from events_event")
        workers = [Worker(partial(write, number)) for number in range(6)]
        reader = Worker(read)
        time.sleep(2)
        stop.set()
        for worker in workers:
            committed += worker.answer()
        seen: list[int] = reader.answer()
        cursor.execute("rollback")
    assert len(committed) > 100
    assert seen == sorted(committed)
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from events_event where position > %s", [start])
        assert cursor.fetchone()[0] == len(seen)
