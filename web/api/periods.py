"""The doors of periods: closed and reopened by two people, and what they came to."""

from functools import partial
from typing import Annotated, Final

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query
from pydantic import StringConstraints

from ledger.domain.closing import PeriodAction, PeriodChange
from ledger.domain.errors import NotFound
from ledger.domain.periods import MONTH_PATTERN, Month, Period
from ledger.queries import periods
from ledger.requests import bodies, by_people
from web.api import cursors, reading, rendering, shapes
from web.api import period_answers as answers
from web.api.answering import submit
from web.api.auth import AdminKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.parameters import Page
from web.api.proposals import add_doors
from web.api.routes import router

MonthText = Annotated[str, StringConstraints(pattern=f"^{MONTH_PATTERN}$")]

_PROPOSED: Final = {
    202: shapes.Operation,
    200: shapes.OperationOrQuote,
    **refusals(400, 409, 411, 413, 415, 422),
}

# Before the routes that have a month in the same place.
add_doors("period", "periods")


@router.get(
    "/periods",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="list_periods",
    summary="List the periods that were closed",
    response={200: answers.Periods, **refusals()},
)
def list_periods(request: HttpRequest) -> HttpResponse:
    """Every month that was closed, the newest first. What is not among them and later is open."""
    del request
    closed, found = periods.known_periods()
    return rendering.json_response(answers.periods(closed, found))


@router.get(
    "/periods/{period}",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="get_period",
    summary="Show a period",
    response={200: answers.PeriodWithTotals, **refusals(404, 422)},
)
def get_period(request: HttpRequest, period: Path[MonthText]) -> HttpResponse:
    """Who closed it, and what the accounts had at its end: the platform's each, users' by kind."""
    del request
    return rendering.json_response(answers.period_with_totals(_found(Month.parse(period))))


@router.get(
    "/periods/{period}/balances",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="list_period_balances",
    summary="List what every account had at the end of a closed period",
    response={200: answers.PeriodBalances, **refusals(400, 404, 422)},
)
def list_period_balances(request: HttpRequest, period: Path[MonthText], asked: Query[Page]) -> HttpResponse:
    """As they were frozen when it was closed; none of a period that was reopened."""
    reading.refuse_unknown_parameters(request, Page)
    month = _found(Month.parse(period)).month
    query = asked.query(of=f"balances of {month}")
    after = 0 if asked.cursor is None else cursors.read(asked.cursor, query)[0]
    found = periods.frozen_balances(month, after=after, limit=asked.limit + 1)
    shown = found[: asked.limit]
    more = len(found) > len(shown)
    return rendering.json_response(
        {
            "period": str(month),
            "items": [answers.frozen_balance(each) for each in shown],
            "next": cursors.make([shown[-1].account_id], query) if more else None,
        },
    )


@router.post(
    "/periods/{period}/close",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="propose_closing",
    summary="Propose to close a period",
    response=_PROPOSED,
    openapi_extra=command_extra(body_of(bodies.PeriodProposal), done=202),
)
def propose_closing(request: HttpRequest, period: Path[MonthText]) -> HttpResponse:
    """202: `proposal` waits for another person. Months close one after the other, once they are over."""
    return _propose(request, "close", period)


@router.post(
    "/periods/{period}/reopen",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="propose_reopening",
    summary="Propose to reopen a period",
    response=_PROPOSED,
    openapi_extra=command_extra(body_of(bodies.PeriodProposal), done=202),
)
def propose_reopening(request: HttpRequest, period: Path[MonthText]) -> HttpResponse:
    """202: `proposal` waits for another person. Only the last month that was closed reopens."""
    return _propose(request, "reopen", period)


def _propose(request: HttpRequest, action: PeriodAction, period: str) -> HttpResponse:
    body = bodies.read_as(bodies.PeriodProposal, reading.read_json(request))
    change = PeriodChange(action=action, month=Month.parse(period))
    role = caller_of(request).role
    return submit(request, partial(by_people.change_period, body, change, role=role, now=timezone.now()))


def _found(month: Month) -> Period:
    period = periods.find(month)
    if period is None:
        raise NotFound(f"{month} was never closed")
    return period
