"""Checks the log itself, and everything derived from more than one event."""

from collections.abc import Sequence
from typing import Any

from events.message import StoredEvent
from projections.account_replay import States, named_codes
from projections.kept_state import remaining
from projections.projection import Projection
from projections.verification.accounts import check_accounts, check_users
from projections.verification.arithmetic import check_event
from projections.verification.findings import Findings
from projections.verification.guards import check_guards
from projections.verification.periods import Periods
from projections.verification.read_models import ReadModels, check_positions
from projections.verification.reading import each
from projections.verification.side_tables import Tariffs, check_consulting, check_machines, check_notes


class LogCheck:
    """Reads the log in chunks and follows every account, note, tariff, period and read model."""

    def __init__(self, cursor: Any, projections: Sequence[Projection], findings: Findings) -> None:
        self._cursor = cursor
        self._findings = findings
        self._states = States()
        self._tariffs = Tariffs(cursor, findings)
        self._periods = Periods(findings)
        self._read_models = ReadModels(cursor, projections, findings)

    def start(self, highest: int) -> None:
        """Check guards and positions, before the log is read."""
        check_guards(self._cursor, self._findings)
        check_positions(self._cursor, highest, self._findings)

    def check(self, events: Sequence[StoredEvent]) -> None:
        """Follow a chunk of readable events."""
        codes: set[str] = set()
        readable = each(events, lambda event: codes.update(named_codes(event)), self._findings)
        states, left = self._states.use(codes), remaining(self._cursor, readable)
        readable = each(
            readable, lambda event: check_event(event, states, left, self._findings), self._findings
        )
        readable = each(readable, self._periods.check, self._findings)
        check_notes(self._cursor, readable, self._findings)
        self._tariffs.check(readable)
        self._read_models.apply(self._cursor, readable)

    def finish(self) -> int:
        """Compare the final states with what is stored; return the number of users."""
        self._tariffs.finish()
        self._periods.finish(self._cursor)
        self._read_models.compare(self._cursor)
        check_consulting(self._cursor, self._findings)
        check_machines(self._cursor, self._findings)
        check_accounts(self._cursor, self._states, self._findings)
        return check_users(self._cursor, self._states, self._findings)
