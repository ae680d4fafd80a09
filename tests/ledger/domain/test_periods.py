"""Months, when an operation is effective, and which month may be closed or reopened next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from ledger.domain.closing import PeriodAction, PeriodChange, carry_out_period_change, check_period_change
from ledger.domain.codec import decode_period, encode_period
from ledger.domain.errors import PeriodNotSwept, Rejected
from ledger.domain.locked_state import Decision, LockedState
from ledger.domain.periods import Month, MonthEnd, Period, Total, closed_until, effective_at
from ledger.domain.proposals import Proposal
from tests.builders import amount

NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
OCTOBER, NOVEMBER = Month(2026, 10), Month(2026, 11)
TOTAL = Total("user:usd", "USD", amount(1), amount(3))


def period(month: Month, state: Any = "closed") -> Period:
    return Period(
        month=month,
        state=state,
        version=1,
        changed_at=NOW,
        event="01a20d58-e3b2-7000-9622-272c8a836947",
        settled=7,
        proposer="anna",
        resolver="bert",
        totals=(TOTAL,),
    )


def book_of(*periods: Period) -> LockedState:
    locked = LockedState([])
    locked.add(periods)
    return locked


def _known(periods: list[tuple[str, str]]) -> LockedState:
    return book_of(*(period(Month.parse(month), state) for month, state in periods))


def at(written: str) -> datetime:
    return datetime.fromisoformat(written)


@pytest.mark.parametrize("written", ["2026-01", "2026-12", "2999-10"])
def test_month_is_parsed_from_its_text(written: str) -> None:
    assert str(Month.parse(written)) == written


@pytest.mark.parametrize(
    "written", ["", "2026", "2026-1", "2026-13", "2026-00", "26-10", "2026-10-01", "1999-10"]
)
def test_other_texts_are_not_months(written: str) -> None:
    with pytest.raises(ValueError, match="is not a month"):
        Month.parse(written)


def test_month_ends_where_the_next_begins() -> None:
    """Months are in UTC, whatever the offset of a time."""
    assert OCTOBER.ends_at == NOVEMBER.starts_at == at("2026-11-01T00:00:00Z")
    assert Month(2026, 12).next == Month(2027, 1) > Month(2026, 12)
    assert Month.of(OCTOBER.ends_at) == NOVEMBER
    assert Month.of(OCTOBER.ends_at - timedelta(microseconds=1)) == OCTOBER
    assert Month.of(datetime(2026, 11, 1, 0, 30, tzinfo=timezone(timedelta(hours=1)))) == OCTOBER


@pytest.mark.parametrize(
    ("occurred_at", "closed", "counts_at"),
    [
        ("2026-10-20T00:00:00Z", None, "2026-10-20T00:00:00Z"),
        ("2026-10-20T00:00:00Z", "2026-10-01T00:00:00Z", "2026-10-20T00:00:00Z"),
        ("2026-10-31T23:59:59.999999Z", "2026-11-01T00:00:00Z", "2026-11-24T12:00:00Z"),
        ("2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-01T00:00:00Z"),
        ("2026-11-24T12:04:00Z", "2026-11-01T00:00:00Z", "2026-11-24T12:04:00Z"),
    ],
)
def test_operation_of_a_closed_month_counts_when_it_is_recorded(
    occurred_at: str, closed: str | None, counts_at: str
) -> None:
    found = effective_at(at(occurred_at), recorded_at=NOW, closed=None if closed is None else at(closed))
    assert found == at(counts_at)


@pytest.mark.parametrize(
    ("periods", "until"),
    [
        ([], None),
        ([("2026-08", "closed")], "2026-09-01T00:00:00Z"),
        ([("2026-08", "closed"), ("2026-09", "closed")], "2026-10-01T00:00:00Z"),
        ([("2026-08", "closed"), ("2026-09", "open")], "2026-09-01T00:00:00Z"),
        ([("2026-08", "open"), ("2026-09", "open")], "2026-08-01T00:00:00Z"),
    ],
)
def test_everything_before_one_time_is_closed(periods: list[tuple[str, str]], until: str | None) -> None:
    """Time before the first closed month stays closed when that month is reopened."""
    found = closed_until(period(Month.parse(month), state) for month, state in periods)
    assert found == (None if until is None else at(until))


@pytest.mark.parametrize(
    ("action", "month", "known"),
    [
        ("close", "2026-10", []),
        ("close", "2026-10", [("2026-09", "closed")]),
        ("close", "2026-09", [("2026-08", "closed"), ("2026-09", "open")]),
        ("reopen", "2026-09", [("2026-08", "closed"), ("2026-09", "closed")]),
        ("reopen", "2026-08", [("2026-08", "closed"), ("2026-09", "open")]),
    ],
)
def test_months_close_in_order_and_reopen_in_reverse(
    action: PeriodAction, month: str, known: list[tuple[str, str]]
) -> None:
    check_period_change(PeriodChange(action=action, month=Month.parse(month)), _known(known), now=NOW)


@pytest.mark.parametrize(
    ("action", "month", "known", "code"),
    [
        ("close", "2026-11", [], "period_not_over"),
        ("close", "2026-10", [("2026-08", "closed")], "period_out_of_order"),
        ("close", "2026-09", [("2026-09", "closed")], "period_closed"),
        ("close", "2026-08", [("2026-09", "closed")], "period_closed"),
        ("close", "2026-10", [("2026-09", "open")], "period_out_of_order"),
        ("reopen", "2026-08", [("2026-08", "closed"), ("2026-09", "closed")], "period_out_of_order"),
        ("reopen", "2026-09", [("2026-08", "closed"), ("2026-09", "open")], "period_open"),
        ("reopen", "2026-10", [("2026-09", "closed")], "period_open"),
        ("reopen", "2026-08", [("2026-09", "closed")], "period_out_of_order"),
        ("reopen", "2026-09", [], "period_open"),
    ],
)
def test_any_other_month_is_refused(
    action: PeriodAction, month: str, known: list[tuple[str, str]], code: str
) -> None:
    with pytest.raises(Rejected) as raised:
        check_period_change(PeriodChange(action=action, month=Month.parse(month)), _known(known), now=NOW)
    assert raised.value.code == code


def test_month_is_over_when_its_last_moment_is() -> None:
    change = PeriodChange(action="close", month=OCTOBER)
    check_period_change(change, book_of(), now=OCTOBER.ends_at)
    with pytest.raises(Rejected, match="2026-10 is not over"):
        check_period_change(change, book_of(), now=OCTOBER.ends_at - timedelta(microseconds=1))


def approved(action: PeriodAction, month: Month) -> Proposal:
    return Proposal(
        id="proposal",
        subject="period",
        user=None,
        body=PeriodChange(action=action, month=month).body(),
        reason_code="month_end",
        proposer="anna",
        role="staff",
        expires_at=NOW,
        state="approved",
        resolver="bert",
    )


def period_of(decision: Decision) -> Period:
    (period,) = decision.states
    assert isinstance(period, Period)
    return period


def test_closing_stores_the_totals_of_the_month() -> None:
    """Reopening counts the version on; both name the proposer and the approver."""
    locked = book_of()
    locked.add([MonthEnd(month=OCTOBER, grants=0, holds=0, settled=7, totals=(TOTAL,))])
    closing = carry_out_period_change(approved("close", OCTOBER), locked, now=NOW, event_id="one")
    closed = period_of(closing)
    assert (closing.type, closing.stream, closed.event) == ("period.closed", "period:2026-10", "one")
    assert (closed.totals, closed.settled, closed.version) == ((TOTAL,), 7, 1)
    assert (closed.proposer, closed.resolver) == ("anna", "bert")
    locked.apply(closing)
    assert locked.closed_until == OCTOBER.ends_at
    reopening = carry_out_period_change(approved("reopen", OCTOBER), locked, now=NOW, event_id="two")
    opened = period_of(reopening)
    assert reopening.type == "period.reopened"
    assert opened == replace(closed, state="open", version=2, event="two", totals=())
    locked.apply(reopening)
    assert locked.closed_until == OCTOBER.starts_at


@pytest.mark.parametrize(("grants", "holds"), [(1, 0), (0, 1), (2, 3)])
def test_expired_grants_and_holds_of_the_month_have_to_be_swept(grants: int, holds: int) -> None:
    """The refusal says how many there are."""
    locked = book_of()
    locked.add([MonthEnd(month=OCTOBER, grants=grants, holds=holds, settled=7, totals=())])
    with pytest.raises(PeriodNotSwept) as raised:
        carry_out_period_change(approved("close", OCTOBER), locked, now=NOW, event_id="one")
    assert raised.value.details == {"period": "2026-10", "grants": grants, "holds": holds}


def test_decoding_returns_the_period_that_was_encoded() -> None:
    known = period(OCTOBER)
    assert decode_period("2026-10", encode_period(known)) == known
