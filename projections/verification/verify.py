"""Verifies everything in one pass over the log, in chunks."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.db import connection

from ledger.domain.money import EAML, USD, ZERO, text
from projections.catalog import PROJECTIONS
from projections.kept_state import KeptState
from projections.projection import Projection
from projections.shadow import shadow_tables
from projections.verification.arithmetic import check_shape
from projections.verification.findings import Findings, Mismatch
from projections.verification.log_check import LogCheck
from projections.verification.reading import CHUNK, chunks
from projections.verification.row_check import RecordCheck
from projections.verification.second_process import SecondProcess, second_process
from projections.verification.snapshot import one_snapshot


@dataclass(slots=True)
class Result:
    """The extent and result of a verification. `delta` is debits minus credits of all entries, by
    currency.
    """

    position: int = 0
    events: int = 0
    entries: int = 0
    users: int = 0
    mismatches: int = 0
    delta: dict[str, Decimal] = field(default_factory=lambda: {USD: ZERO, EAML: ZERO})


def verify(
    *,
    report: Callable[[Mismatch], None],
    progress: Callable[[int, int], None] = lambda _position, _highest: None,
    projections: Sequence[Projection] = PROJECTIONS,
    chunk: int = CHUNK,
    in_two: bool = False,
) -> Result:
    """Derive everything from the log again and `report` each mismatch; see Note [One snapshot].

    `progress` receives the position reached and the highest one after every chunk. `in_two` processes it
    takes
    little more than half the time, but cannot run inside a transaction. Memory does not grow with the log,
    and
    only temporary tables are written.
    """
    findings = Findings(report)
    everything = (KeptState(), *projections)
    with ExitStack() as stack:
        other = None
        if in_two:
            other = stack.enter_context(
                second_process(
                    lambda snapshot, report: _check_records(snapshot, report, chunk), findings.pass_on
                ),
            )
        stack.enter_context(shadow_tables(everything))
        stack.enter_context(one_snapshot())
        cursor = stack.enter_context(connection.cursor())
        if other is not None:
            other.start()
        return _verify(cursor, LogCheck(cursor, everything, findings), other, findings, chunk, progress)


def _verify(
    cursor: Any,
    log: LogCheck,
    other: SecondProcess | None,
    findings: Findings,
    chunk: int,
    progress: Callable[[int, int], None],
) -> Result:
    result = Result()
    cursor.execute("select coalesce(max(position), 0) from events_event")
    result.position = cursor.fetchone()[0]
    log.start(result.position)
    records = RecordCheck(cursor, findings) if other is None else None
    for number, upto, events in chunks(chunk, check_shape, findings):
        log.check(events)
        if records is not None:
            records.check(events, upto)
        if other is not None:
            other.listen()
        result.events += number
        progress(upto, result.position)
    if records is not None:
        records.finish(chunk)
    result.users = log.finish()
    _check_totals(cursor, result, findings)
    if other is not None:
        other.finish()
    result.mismatches = findings.count
    return result


def _check_records(snapshot: str, report: Callable[[Mismatch], None], chunk: int) -> None:
    """Do the part of the second process."""
    silent = Findings(lambda _: None)  # the first process reports events that cannot be read
    with one_snapshot(snapshot), connection.cursor() as cursor:
        records = RecordCheck(cursor, Findings(report))
        for _, upto, events in chunks(chunk, check_shape, silent):
            records.check(events, upto)
        records.finish(chunk)


def _check_totals(cursor: Any, result: Result, findings: Findings) -> None:
    cursor.execute(
        """select currency, count(*), sum(case side when 'D' then amount else -amount end)
           from models_entry group by currency order by currency""",
    )
    for currency, count, delta in cursor.fetchall():
        result.entries += count
        result.delta[currency] = delta
        if delta != ZERO:
            findings.add(
                "trial balance",
                f"debits - credits in {currency}",
                expected=text(ZERO),
                found=text(delta),
            )
