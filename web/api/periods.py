"""Routes for periods: propose to close or reopen one, and show their totals and balances."""

from functools import partial
from typing import Annotated

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query
from pydantic import StringConstraints

from ledger.domain.closing import PeriodAction, PeriodChange
from ledger.domain.errors import NotFound
from ledger.domain.periods import MONTH_PATTERN, Month, Period
from ledger.queries import periods
from ledger.requests import bodies, by_people
from web.api import cursors, reading, rendering
from web.api import period_answers as answers
from web.api.answering import submit
from web.api.auth import AdminKey, caller_of
from web.api.documentation import PROPOSED, body_of, command_extra, refusals
from web.api.parameters import Page
from web.api.proposals import add_proposal_routes
from web.api.routes import router

MonthText = Annotated[str, StringConstraints(pattern=f"^{MONTH_PATTERN}$")]

add_proposal_routes("period", "periods")  # before `/periods/{period}`, which would match `proposals`


@router.get(
    "/periods",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="list_periods",
    summary="List closed periods",
    response={200: answers.Periods, **refusals()},
)
def list_periods(request: HttpRequest) -> HttpResponse:
    """Return every month that was ever closed, newest first. Later months are open."""
    del request
    closed, found = periods.all_periods()
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
    """Return who closed the period, and the totals of each platform account and of users by account kind."""
    del request
    return rendering.json_response(answers.period_with_totals(_find(Month.parse(period))))


@router.get(
    "/periods/{period}/balances",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="list_period_balances",
    summary="List the account balances of a closed period",
    response={200: answers.PeriodBalances, **refusals(400, 404, 422)},
)
def list_period_balances(request: HttpRequest, period: Path[MonthText], asked: Query[Page]) -> HttpResponse:
    """Return the balances that were frozen when the month was closed. A reopened period has none."""
    del request
    month = _find(Month.parse(period)).month
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
    response=PROPOSED,
    openapi_extra=command_extra(body_of(bodies.PeriodProposal), done=202),
)
def propose_closing(request: HttpRequest, period: Path[MonthText]) -> HttpResponse:
    """Propose to close a month. 202: the `proposal` waits for a second person.

    Months are closed in order, after they have ended.
    """
    return _propose(request, "close", period)


@router.post(
    "/periods/{period}/reopen",
    auth=AdminKey(),
    tags=["periods"],
    operation_id="propose_reopening",
    summary="Propose to reopen a period",
    response=PROPOSED,
    openapi_extra=command_extra(body_of(bodies.PeriodProposal), done=202),
)
def propose_reopening(request: HttpRequest, period: Path[MonthText]) -> HttpResponse:
    """Propose to reopen the last closed month. 202: the `proposal` waits for a second person."""
    return _propose(request, "reopen", period)


def _propose(request: HttpRequest, action: PeriodAction, period: str) -> HttpResponse:
    body = bodies.read_as(bodies.PeriodProposal, reading.read_json(request))
    change = PeriodChange(action=action, month=Month.parse(period))
    role = caller_of(request).role
    return submit(request, partial(by_people.change_period, body, change, role=role, now=timezone.now()))


def _find(month: Month) -> Period:
    period = periods.find(month)
    if period is None:
        raise NotFound(f"{month} was never closed")
    return period
