"""One pass over the whole log, in chunks: everything that was written beside it is derived again."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from django.db import connection

from events import store
from events.message import StoredEvent
from ledger.domain.chart import PLATFORM_IDS
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.money import EAML, USD, ZERO, text
from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState, remaining
from projections.projection import Projection
from projections.records import UNKNOWN_ACCOUNT, Records, account_ids
from projections.shadow import shadow_tables
from projections.states import State, States, named_codes
from projections.verification import rows
from projections.verification.accounts import check_accounts, check_users
from projections.verification.arithmetic import BROKEN, check_event, check_shape
from projections.verification.findings import Findings, Mismatch
from projections.verification.guards import check_guards
from projections.verification.keys import Keys
from projections.verification.read_models import ReadModels, check_positions
from projections.verification.side_tables import Tariffs, check_notes
from projections.verification.snapshot import one_snapshot

CHUNK: Final = 2000
_BEYOND: Final = 2**62


@dataclass(slots=True)
class Result:
    """What was looked at. `delta` is debits minus credits of all entries, by currency."""

    position: int = 0
    events: int = 0
    entries: int = 0
    users: int = 0
    mismatches: int = 0
    delta: dict[str, Decimal] = field(default_factory=lambda: {USD: ZERO, EAML: ZERO})


def verify(
    *,
    tell: Callable[[Mismatch], None],
    progress: Callable[[int, int], None] = lambda _position, _highest: None,
    projections: Sequence[Projection] = PROJECTIONS,
    chunk: int = CHUNK,
) -> Result:
    """Derive everything again from the log and `tell` each mismatch; see Note [One snapshot].

    `progress` is told the position reached and the highest one after every chunk. Memory does not
    grow with the log. Nothing is written but temporary tables.
    """
    projections = (KeptState(), *projections)
    with shadow_tables(projections), one_snapshot(), connection.cursor() as cursor:
        return _Verification(cursor, projections, Findings(tell), chunk).run(progress)


class _Verification:
    """One run, within its snapshot."""

    def __init__(
        self, cursor: Any, projections: Sequence[Projection], findings: Findings, chunk: int
    ) -> None:
        self.cursor = cursor
        self.chunk = chunk
        self.findings = findings
        self.result = Result()
        self.states = States()
        self.keys = Keys(findings)
        self.links = rows.OpenLinks()
        self.tariffs = Tariffs(cursor, findings)
        self.read_models = ReadModels(cursor, projections, findings)

    def run(self, progress: Callable[[int, int], None]) -> Result:
        check_guards(self.cursor, self.findings)
        self.cursor.execute("select coalesce(max(position), 0) from events_event")
        highest: int = self.cursor.fetchone()[0]
        check_positions(self.cursor, highest, self.findings)
        after: int | None = None
        for events in self._chunks():
            self._check_chunk(events, after)
            after = events[-1].position
            self.result.events += len(events)
            progress(after, highest)
        self._check_rows_beyond(after)
        self._finish(highest)
        return self.result

    def _chunks(self) -> Iterator[list[StoredEvent]]:
        after = -_BEYOND
        while events := store.read(after=after, upto=_BEYOND, limit=self.chunk):
            yield events
            after = events[-1].position

    def _check_chunk(self, events: Sequence[StoredEvent], after: int | None) -> None:
        cursor = self.cursor
        readable = self._each(events, check_shape)
        codes: set[str] = set()

        readable = self._each(readable, lambda event: codes.update(named_codes(event)))
        states, left = self.states.use(codes), remaining(cursor, readable)
        readable = self._each(readable, lambda event: check_event(event, states, left, self.findings))
        self._check_rows(readable, states, after, events[-1].position)
        for event in readable:
            if event.type == "operation.linked":
                self.links.said(event.position, event.data["operation"], event.data["links"], self.findings)
        self.keys.note(readable)
        check_notes(cursor, readable, self.findings)
        self.tariffs.check(readable)
        self.read_models.apply(cursor, readable)

    def _each(
        self,
        events: Sequence[StoredEvent],
        check: Callable[[StoredEvent], None],
        findings: Findings | None = None,
    ) -> list[StoredEvent]:
        """Run a check on each event; those that it could read."""
        readable = []
        for event in events:
            try:
                check(event)
            except BROKEN as error:
                found = f"{type(error).__name__}: {error}"
                (findings or self.findings).add(
                    f"event {event.position}", "data", expected="a readable event", found=found
                )
            else:
                readable.append(event)
        return readable

    def _check_rows(
        self,
        events: Sequence[StoredEvent],
        states: Mapping[str, State],
        after: int | None,
        upto: int,
    ) -> None:
        recorded = [event for event in events if event.type in OPERATION_TYPES]
        ids = self._account_ids(recorded, states)
        records = Records()
        self._each(recorded, lambda event: records.add(event, ids))
        records.empty_references(self.cursor, {code.split(":", 2)[1] for code in ids if code[:5] == "user:"})
        found = rows.stored_operations(self.cursor, after=after, upto=upto)
        rows.compare_operations(records.operations, found, self.links, self.findings)
        found = rows.stored_entries(self.cursor, after=after, upto=upto)
        rows.compare_entries(records.entries, found, self.findings)

    def _account_ids(self, events: Sequence[StoredEvent], states: Mapping[str, State]) -> Mapping[str, int]:
        codes = {code for event in events for code in event.data["accounts"]}
        new = [code for code in codes if states[code].account_id is None]
        for code, account_id in account_ids(self.cursor, new).items():
            states[code].account_id = account_id
        ids = defaultdict(lambda: UNKNOWN_ACCOUNT, PLATFORM_IDS)
        ids.update({code: states[code].account_id or UNKNOWN_ACCOUNT for code in codes})
        return ids

    def _check_rows_beyond(self, last: int | None) -> None:
        """Rows above the last event of the snapshot belong to no event."""
        after = last
        while found := rows.stored_operations(self.cursor, after=after, upto=None, limit=CHUNK):
            rows.compare_operations([], found, self.links, self.findings)
            after = rows.last_position(found)
        after_id = None if last is None else rows.last_entry_id(last)
        while found := rows.stored_entries_after(self.cursor, after_id, limit=CHUNK):
            rows.compare_entries([], found, self.findings)
            after_id = rows.last_id(found)

    def _finish(self, highest: int) -> None:
        cursor, findings = self.cursor, self.findings
        self.links.finish(findings)
        self._check_keys()
        self.tariffs.finish()
        self.read_models.compare(cursor)
        check_accounts(cursor, self.states, findings)
        self.result.users = check_users(cursor, self.states, findings)
        self._check_totals()
        self.result.position = highest
        self.result.mismatches = findings.count

    def _check_keys(self) -> None:
        if self.keys.agree(self.cursor):
            return
        silent = Findings(lambda _: None)
        for events in self._chunks():
            self.keys.name(self.cursor, self._each(events, check_shape, silent))
        self.keys.name_others(self.cursor)

    def _check_totals(self) -> None:
        self.cursor.execute(
            """select currency, count(*), sum(case side when 'D' then amount else -amount end)
               from models_entry group by currency order by currency""",
        )
        for currency, count, delta in self.cursor.fetchall():
            self.result.entries += count
            self.result.delta[currency] = delta
            if delta != ZERO:
                self.findings.add(
                    "trial balance",
                    f"debits - credits in {currency}",
                    expected=text(ZERO),
                    found=text(delta),
                )
