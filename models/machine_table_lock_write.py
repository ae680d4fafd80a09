"""A lock on a machine's table, so that only one process at a time writes to it.

The lock is a row: because its name is unique, only one process can insert it, on any host.
"""

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from models.errors import LockLost, LockRefused

# A live holder refreshes its lock more often than this.
STALE_AFTER = dt.timedelta(minutes=10)
_POLL_SECONDS = 0.05


class MachineTableLockWrite(models.Model):
    """A lock on a table; ``locked_at`` is the time at which it was taken or last refreshed."""

    table_name = models.CharField(max_length=255, unique=True)
    locked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.table_name} since {self.locked_at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def take(cls, table_name: str, *, stale_after: dt.timedelta = STALE_AFTER) -> "MachineTableLockWrite":
        """Take the lock; break it first if it is stale.

        Inside a transaction the lock becomes visible when the transaction commits; a process that tries to
        take it before that waits for the transaction.

        Raises:
            LockRefused: another process holds it.
        """
        cls.break_stale(table_name, stale_after=stale_after)
        try:
            with transaction.atomic():
                return cls.objects.create(table_name=table_name)
        except IntegrityError:
            raise LockRefused(table_name, "another process is writing to it") from None

    @classmethod
    @contextmanager
    def hold(
        cls,
        table_name: str,
        *,
        wait: dt.timedelta = dt.timedelta(0),
        stale_after: dt.timedelta = STALE_AFTER,
    ) -> Iterator["MachineTableLockWrite"]:
        """Hold the lock during a ``with`` block; wait at most ``wait`` for it.

        Raises:
            LockRefused: the lock was not free within that time.
            LockLost: the lock was broken as stale while the block ran.
        """
        lock = cls._take_within(table_name, wait, stale_after)
        try:
            yield lock
        except BaseException:
            # The block's own error matters more than a lost lock.
            lock._delete_own_row()
            raise
        lock.release()

    @classmethod
    def break_stale(cls, table_name: str, *, stale_after: dt.timedelta = STALE_AFTER) -> bool:
        """Remove the table's lock if it was not refreshed for ``stale_after``; return true if so."""
        limit = timezone.now() - stale_after
        count, _ = cls.objects.filter(table_name=table_name, locked_at__lt=limit).delete()
        return count > 0

    def refresh(self) -> None:
        """Renew the lock, so that it does not become stale.

        Raises:
            LockLost: another process has broken it.
        """
        now = timezone.now()
        if not type(self).objects.filter(pk=self.pk).update(locked_at=now):
            raise LockLost(self.table_name, "the lock was broken as stale")
        self.locked_at = now

    def release(self) -> None:
        """Release the lock.

        Raises:
            LockLost: another process has broken it, and may have written to the table.
        """
        if not self._delete_own_row():
            raise LockLost(self.table_name, "the lock was broken as stale")

    @classmethod
    def _take_within(
        cls, table_name: str, wait: dt.timedelta, stale_after: dt.timedelta
    ) -> "MachineTableLockWrite":
        deadline = time.monotonic() + wait.total_seconds()
        while True:
            try:
                return cls.take(table_name, stale_after=stale_after)
            except LockRefused:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_POLL_SECONDS)

    def _delete_own_row(self) -> bool:
        # The row's key distinguishes this holder from the next holder of the same table.
        count, _ = type(self).objects.filter(pk=self.pk).delete()
        return count > 0
