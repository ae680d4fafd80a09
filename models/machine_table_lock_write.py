"""A lock on a machine's table, so that one process at a time writes to it.

A row is the lock: the unique name lets one process insert it, whatever machine it runs on.
"""

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError, models, transaction
from django.utils import timezone

from models.errors import LockLost, LockRefused

# A holder that is alive refreshes its lock more often than this.
STALE_AFTER = dt.timedelta(minutes=10)
_POLL_SECONDS = 0.05


class MachineTableLockWrite(models.Model):
    """A table that is being written to, and since when, or when its holder last said so."""

    table_name = models.CharField(max_length=255, unique=True)
    locked_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return f"{self.table_name} since {self.locked_at:%Y-%m-%d %H:%M:%S}"

    @classmethod
    def take(cls, table_name: str, *, stale_after: dt.timedelta = STALE_AFTER) -> "MachineTableLockWrite":
        """Take the lock, breaking one that is stale.

        Inside a transaction the lock is seen by others when the transaction commits; who
        tries to take it before that waits for the transaction.

        Raises:
            LockRefused: somebody holds it.
        """
        cls.break_stale(table_name, stale_after=stale_after)
        try:
            with transaction.atomic():
                return cls.objects.create(table_name=table_name)
        except IntegrityError:
            raise LockRefused(table_name, "somebody else is writing to it") from None

    @classmethod
    @contextmanager
    def hold(
        cls,
        table_name: str,
        *,
        wait: dt.timedelta = dt.timedelta(0),
        stale_after: dt.timedelta = STALE_AFTER,
    ) -> Iterator["MachineTableLockWrite"]:
        """Hold the lock for a ``with`` block, waiting for it at most ``wait``.

        Raises:
            LockRefused: it could not be had in that time.
            LockLost: it was broken as stale while the block ran.
        """
        lock = cls._take_within(table_name, wait, stale_after)
        try:
            yield lock
        except BaseException:
            # The block's own error says more than a lock that is gone by now.
            lock._delete_mine()
            raise
        lock.release()

    @classmethod
    def break_stale(cls, table_name: str, *, stale_after: dt.timedelta = STALE_AFTER) -> bool:
        """Remove the table's lock if its holder has not been heard of for so long."""
        limit = timezone.now() - stale_after
        count, _ = cls.objects.filter(table_name=table_name, locked_at__lt=limit).delete()
        return count > 0

    def refresh(self) -> None:
        """Say that the holder is alive, so that nobody takes the lock for stale.

        Raises:
            LockLost: somebody has broken it.
        """
        now = timezone.now()
        if not type(self).objects.filter(pk=self.pk).update(locked_at=now):
            raise LockLost(self.table_name, "the lock was broken as stale")
        self.locked_at = now

    def release(self) -> None:
        """Give the lock back.

        Raises:
            LockLost: somebody has broken it, and may have written since.
        """
        if not self._delete_mine():
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

    def _delete_mine(self) -> bool:
        # The key of the row tells this holder from the next one of the same table.
        count, _ = type(self).objects.filter(pk=self.pk).delete()
        return count > 0
