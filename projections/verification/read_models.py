"""Compares asynchronous projections with a replay of the log up to their checkpoints."""

import json
from collections.abc import Sequence
from typing import Any, Final

from django.db import transaction

from events.message import StoredEvent
from projections import checkpoints
from projections.kept_state import KeptState
from projections.projection import Projection, Table
from projections.shadow import quoted, real_name, same_key
from projections.verification.findings import Findings
from projections.verification.reading import BROKEN

_SHOWN: Final = 1000


def check_positions(cursor: Any, highest: int, findings: Findings) -> None:
    """Check that the log reaches the settled position, and that no projection is ahead of it."""
    cursor.execute("select position from events_settled where id = 1")
    row = cursor.fetchone()
    if row is None:
        findings.add("events_settled", "row", expected="one", found="none")
        return
    (settled,) = row
    if settled > highest:
        findings.add(
            "events_settled", "position", expected=f"at most {highest}, the last event", found=settled
        )
    for name, position in sorted(checkpoints.read(cursor).items()):
        if position > settled:
            findings.add(
                f"projection {name}",
                "events_checkpoint.position",
                expected=f"at most {settled}, the settled position",
                found=position,
            )


class ReadModels:
    """Replays the log into shadow tables."""

    def __init__(self, cursor: Any, projections: Sequence[Projection], findings: Findings) -> None:
        self._projections = projections
        self._findings = findings
        positions = checkpoints.read(cursor)
        self._upto: dict[str, int | None] = {each.name: positions.get(each.name, 0) for each in projections}
        self._upto[KeptState.name] = None  # written with the event, so never behind

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Replay a chunk of the log, for each projection up to its checkpoint."""
        for projection in self._projections:
            upto = self._upto[projection.name]
            part = events
            if upto is not None and events and events[-1].position > upto:
                part = [event for event in events if event.position <= upto]
            if not part:
                continue
            try:
                with transaction.atomic():
                    projection.apply(cursor, part)
            except BROKEN as error:
                self._findings.add(
                    f"projection {projection.name}",
                    f"events {part[0].position} to {part[-1].position}",
                    expected="events that can be read",
                    found=f"{type(error).__name__}: {error}",
                )

    def compare(self, cursor: Any) -> None:
        """Report every row of a projection that differs from the replay."""
        for projection in self._projections:
            for table in projection.tables:
                self._compare_table(cursor, projection, table)

    def _compare_table(self, cursor: Any, projection: Projection, table: Table) -> None:
        names = (*table.key, *table.columns)
        shadow = f"(select {quoted(names)} from pg_temp.{table.name} where {table.only})"  # noqa: S608 (names that the code gives)
        real = f"(select {quoted(names)} from {real_name(cursor, table)} where {table.only})"  # noqa: S608
        cursor.execute(
            f"""select to_json(s)::text, to_json(r)::text
                from {shadow} s full join {real} r on {same_key(table, "s", "r")}
                where ({quoted(names, "s.")}) is distinct from ({quoted(names, "r.")})
                limit {_SHOWN + 1}""",  # noqa: S608
        )
        self._name_rows(projection, table, cursor.fetchall())

    def _name_rows(self, projection: Projection, table: Table, rows: Sequence[tuple[Any, Any]]) -> None:
        for expected_text, found_text in rows[:_SHOWN]:
            expected, found = _row(expected_text), _row(found_text)
            row = expected or found or {}
            key = " ".join(f"{name}={row[name]}" for name in table.key)
            where = f"projection {projection.name}, {table.name} {key}"
            if expected is None:
                self._findings.add(where, "row", expected="none", found="one")
            elif found is None:
                self._findings.add(where, "row", expected="one", found="none")
            else:
                for name in table.columns:
                    if expected[name] != found[name]:
                        self._findings.add(where, name, expected=expected[name], found=found[name])
        if len(rows) > _SHOWN:
            self._findings.add(
                f"projection {projection.name}",
                table.name,
                expected="rows as replayed",
                found=f"more than {_SHOWN} that differ",
            )


def _row(text: str | None) -> dict[str, Any] | None:
    row: dict[str, Any] | None = None if text is None else json.loads(text, parse_float=str)
    return row
