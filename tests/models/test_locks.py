"""Locks on machines' tables are taken, held, refreshed, released and broken."""

import datetime as dt

import pytest
from django.utils import timezone

from models import MachineTableLockWrite
from models.errors import LockLost, LockRefused
from models.machine_table_lock_write import STALE_AFTER

pytestmark = pytest.mark.django_db

# Stale immediately, for any resolution of the clock.
AT_ONCE = dt.timedelta(seconds=-1)


def test_a_lock_is_taken_and_released() -> None:
    """Its row exists from taking to release."""
    lock = MachineTableLockWrite.take("lines_7")
    assert MachineTableLockWrite.objects.get() == lock
    assert str(lock).startswith("lines_7 since ")
    lock.release()
    assert not MachineTableLockWrite.objects.exists()


def test_a_held_lock_is_refused_for_its_table_only() -> None:
    """The error names the table."""
    with MachineTableLockWrite.hold("lines_7"):
        with pytest.raises(LockRefused, match="lines_7"):
            MachineTableLockWrite.take("lines_7")
        with pytest.raises(LockRefused), MachineTableLockWrite.hold("lines_7"):
            raise AssertionError("two holders at a time")
        with MachineTableLockWrite.hold("lines_8"):
            assert MachineTableLockWrite.objects.count() == 2
    assert not MachineTableLockWrite.objects.exists()


def test_a_failing_block_releases_the_lock() -> None:
    """The block's own error is raised."""
    with pytest.raises(ZeroDivisionError), MachineTableLockWrite.hold("lines_7"):
        raise ZeroDivisionError
    MachineTableLockWrite.take("lines_7")


def test_waiting_ends_when_the_time_has_passed() -> None:
    """The lock is then refused."""
    MachineTableLockWrite.take("lines_7")
    with (
        pytest.raises(LockRefused),
        MachineTableLockWrite.hold("lines_7", wait=dt.timedelta(milliseconds=120)),
    ):
        raise AssertionError("two holders at a time")


def test_a_fresh_lock_is_not_broken() -> None:
    """Only a lock that was not refreshed for some time is stale."""
    lock = MachineTableLockWrite.take("lines_7")
    assert not MachineTableLockWrite.break_stale("lines_7")
    assert MachineTableLockWrite.objects.get() == lock
    assert not MachineTableLockWrite.break_stale("lines_8", stale_after=AT_ONCE)
    assert MachineTableLockWrite.break_stale("lines_7", stale_after=AT_ONCE)
    assert not MachineTableLockWrite.objects.exists()


def test_a_stale_lock_is_broken_by_the_next_holder() -> None:
    """The former holder gets an error from refresh() and release(), and does not affect the new lock."""
    lock = MachineTableLockWrite.take("lines_7")
    long_ago = timezone.now() - STALE_AFTER - dt.timedelta(seconds=1)
    MachineTableLockWrite.objects.update(locked_at=long_ago)
    newer = MachineTableLockWrite.take("lines_7")
    with pytest.raises(LockLost, match="lines_7"):
        lock.refresh()
    with pytest.raises(LockLost):
        lock.release()
    assert MachineTableLockWrite.objects.get() == newer


def test_a_refreshed_lock_is_not_stale() -> None:
    lock = MachineTableLockWrite.take("lines_7")
    long_ago = timezone.now() - 2 * STALE_AFTER
    MachineTableLockWrite.objects.update(locked_at=long_ago)
    lock.refresh()
    assert not MachineTableLockWrite.break_stale("lines_7")
    assert MachineTableLockWrite.objects.get().locked_at == lock.locked_at > long_ago


def test_a_block_whose_lock_was_broken_gets_an_error() -> None:
    """Another process may have written to the table in the meantime."""
    with pytest.raises(LockLost), MachineTableLockWrite.hold("lines_7"):
        MachineTableLockWrite.break_stale("lines_7", stale_after=AT_ONCE)


def test_a_failing_block_whose_lock_was_broken_keeps_its_error() -> None:
    """It matters more than the lost lock."""
    with pytest.raises(ZeroDivisionError), MachineTableLockWrite.hold("lines_7"):  # noqa: PT012 - the block
        MachineTableLockWrite.break_stale("lines_7", stale_after=AT_ONCE)
        raise ZeroDivisionError
