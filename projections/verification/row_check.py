"""Derives operations, entries and keys from the log again and compares them with their tables."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final

from events.message import StoredEvent
from ledger.domain.chart import PLATFORM_IDS, id_of, is_user_account
from ledger.domain.decide import OPERATION_TYPES
from projections.derived_rows import UNKNOWN_ACCOUNT, Records, account_ids
from projections.verification import rows
from projections.verification.arithmetic import check_shape
from projections.verification.findings import Findings
from projections.verification.keys import Keys
from projections.verification.reading import CHUNK, chunks, each

_IDS_MAX: Final = 200_000


class RecordCheck:
    """Reads the log in chunks. A row between two chunks belongs to no event."""

    def __init__(self, cursor: Any, findings: Findings) -> None:
        self._cursor = cursor
        self._findings = findings
        self._keys = Keys(findings)
        self._links = rows.OpenLinks()
        self._ids: dict[str, int] = {}
        self._reached: int | None = None

    def check(self, events: Sequence[StoredEvent], upto: int) -> None:
        """Compare the rows of the readable events of a chunk that ends at a position."""
        self._keys.note(events)
        recorded = [event for event in events if event.type in OPERATION_TYPES]
        codes = {code for event in recorded for code in event.data["accounts"]}
        ids, records = self._account_ids(codes), Records()
        each(recorded, lambda event: records.add(event, ids), self._findings, "its rows")
        records.empty_references(self._cursor, {id_of(code) for code in codes if is_user_account(code)})
        found = rows.stored_operations(self._cursor, after=self._reached, upto=upto)
        rows.compare_operations(records.operations, found, self._links, self._findings)
        found = rows.stored_entries(self._cursor, after=self._reached, upto=upto)
        rows.compare_entries(records.entries, found, self._findings)
        for event in events:
            if event.type == "operation.linked":
                links: Mapping[str, int] = event.data["links"]
                self._links.said(event.position, event.data["operation"], links, self._findings)
        self._reached = upto

    def finish(self, chunk: int) -> None:
        """Report rows above the last event, links that no event made, and keys that differ."""
        after = self._reached
        while found := rows.stored_operations(self._cursor, after=after, upto=None, limit=CHUNK):
            rows.compare_operations([], found, self._links, self._findings)
            after = rows.last_position(found)
        last = None if self._reached is None else rows.last_entry_id(self._reached)
        while found := rows.stored_entries_after(self._cursor, last, limit=CHUNK):
            rows.compare_entries([], found, self._findings)
            last = rows.last_id(found)
        self._links.finish(self._findings)
        self._check_keys(chunk)

    def _check_keys(self, chunk: int) -> None:
        if self._keys.agree(self._cursor):
            return
        silent = Findings(lambda _: None)
        for _, _, events in chunks(chunk, check_shape, silent):
            self._keys.name(self._cursor, events)
        self._keys.name_others(self._cursor)

    def _account_ids(self, codes: set[str]) -> Mapping[str, int]:
        if len(self._ids) > _IDS_MAX:
            self._ids.clear()
        self._ids.update(account_ids(self._cursor, codes - self._ids.keys()))
        ids = defaultdict(lambda: UNKNOWN_ACCOUNT, PLATFORM_IDS)
        ids.update({code: self._ids[code] for code in codes if code in self._ids})
        return ids
