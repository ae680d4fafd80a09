"""Routes about one user: balances and statement."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query

from easyautoml_ledger.times import parse_time, time_text
from ledger.queries.balances import balances, balances_as_of, is_to_come
from ledger.queries.statement import PageEnd, statement
from web.api import cursors, errors, rendering, shapes
from web.api.auth import ReadKey, caller_of
from web.api.callers import no_such_user
from web.api.documentation import refusals
from web.api.parameters import BalancesQuery, Id, StatementQuery
from web.api.routes import router


@router.get(
    "/users/{user}/balances",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_balances",
    summary="Show a user's balances",
    response={200: shapes.Balances, **refusals(400, 404, 422)},
)
def get_balances(request: HttpRequest, user: Path[Id], asked: Query[BalancesQuery]) -> HttpResponse:
    """Return the user's balances, held amounts and debts from one consistent read."""
    caller_of(request).check_balances_of(user)
    if asked.as_of is not None and is_to_come(asked.as_of):
        raise errors.AsOfInTheFuture("as_of is later than the ledger's clock", field="as_of")
    found = balances(user, at=timezone.now()) if asked.as_of is None else balances_as_of(user, at=asked.as_of)
    if found is None:
        raise no_such_user()
    return rendering.json_response(rendering.balances(user, found))


@router.get(
    "/users/{user}/statement",
    auth=ReadKey(),
    tags=["users"],
    operation_id="get_statement",
    summary="Show a user's statement",
    response={200: shapes.Statement, **refusals(400, 404, 422)},
)
def get_statement(request: HttpRequest, user: Path[Id], asked: Query[StatementQuery]) -> HttpResponse:
    """Return every entry on the user's accounts, oldest first, with the balance of the account after it."""
    caller_of(request).check_balances_of(user)
    query = asked.query(of=f"statement of {user}")
    after = None
    if asked.cursor is not None:
        recorded_at, entry = cursors.read(asked.cursor, query)
        after = PageEnd(parse_time(recorded_at, field="cursor"), entry)
    found = statement(
        user,
        account=None if asked.account is None else asked.account.replace("_", ":"),
        recorded_from=asked.recorded_from,
        recorded_to=asked.recorded_to,
        after=after,
        limit=asked.limit + 1,
    )
    if not found and balances(user, at=timezone.now()) is None:
        raise no_such_user()
    shown = found[: asked.limit]
    more = len(found) > len(shown)
    end = [time_text(shown[-1].recorded_at), shown[-1].entry] if more else []
    return rendering.json_response(
        {
            "user": user,
            "items": [rendering.statement_line(line) for line in shown],
            "next": cursors.make(end, query) if more else None,
        },
    )
