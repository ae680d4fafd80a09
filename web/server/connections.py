"""The number of open connections, in total and by address, of all processes of the web server together.

# Note [Shared counts]
Processes accept connections from the same socket, and share them unevenly. So each process counts its own in
a row of memory that all of them can read, and a limit applies to the sum of the rows. A process changes only
its row, without a lock: processes that accept at the same moment can exceed a limit by a few connections.
"""

import mmap
from typing import Final
from zlib import crc32

_COLUMNS: Final = 1 << 16
_TOTAL: Final = 0  # the first column counts every connection; an address has one of the others


class Connections:
    """Counts in memory that is shared with processes forked later, a row for each process."""

    def __init__(self, rows: int) -> None:
        self._cells = memoryview(mmap.mmap(-1, rows * _COLUMNS * 2)).cast("H")
        self._rows = rows
        self._taken: set[int] = set()
        self._row = 0

    def take_row(self) -> int:
        """Return the row for a process that will be forked. Only the process that forks calls this."""
        row = next(number for number in range(self._rows) if number not in self._taken)
        self._taken.add(row)
        return row

    def free_row(self, row: int) -> None:
        """Forget the connections of a process that has ended."""
        self._cells[row * _COLUMNS : (row + 1) * _COLUMNS] = memoryview(bytearray(_COLUMNS * 2)).cast("H")
        self._taken.discard(row)

    def use_row(self, row: int) -> None:
        """Count the connections of this process in `row`."""
        self._row = row

    def open(self, address: str, *, most: int, most_per_address: int) -> bool:
        """Count one more connection, or return False if there are as many as allowed. 0 is no limit."""
        column = _column(address)
        if self._count(_TOTAL) >= most or 0 < most_per_address <= self._count(column):
            return False
        self._cells[self._row * _COLUMNS + _TOTAL] += 1
        self._cells[self._row * _COLUMNS + column] += 1
        return True

    def close(self, address: str) -> None:
        """Count one connection less."""
        self._cells[self._row * _COLUMNS + _TOTAL] -= 1
        self._cells[self._row * _COLUMNS + _column(address)] -= 1

    def _count(self, column: int) -> int:
        return sum(self._cells[column::_COLUMNS])


def _column(address: str) -> int:
    return 1 + crc32(address.encode()) % (_COLUMNS - 1)
