"""Routes for periods: propose to close or reopen one, and show their totals and balances."""

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query

from ledger.domain.errors import NotFound
from ledger.domain.periods import Month, Period
from ledger.queries import periods
from ledger.requests.periods import MonthText
from web.api import cursors, rendering
from web.api import period_answers as answers
from web.api.auth import AdminKey
from web.api.documentation import refusals
from web.api.parameters import Page
from web.api.routes import router


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


def _find(month: Month) -> Period:
    period = periods.find(month)
    if period is None:
        raise NotFound(f"{month} was never closed")
    return period
