"""The journal for hledger and beancount: every operation with entries, and what it leaves on each account.

Debits are positive and credits negative, always with exactly 8 decimals: beancount infers how exact it
has to be from the coarsest amount of a transaction. Both files end with the closing balances, which the
programs check. The date is the day (UTC) that the operation counts for in the books.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from django.db import connection

from ledger.domain.money import text
from projections.reports.accounts import plain_text_name
from projections.reports.stamp import stamp
from projections.verification.rows import last_entry_id

Format: TypeAlias = Literal["hledger", "beancount"]

_CHUNK: Final = 5000


class _Posting(NamedTuple):
    entry: int
    operation: str
    kind: str
    position: int
    day: date
    account: str
    currency: str
    amount: Decimal


class _Closing(NamedTuple):
    account: str
    currency: str
    balance: Decimal


def export_journal(format_: Format, position: int | None = None) -> Iterator[str]:
    """The lines of the file, up to a settled position, with the memory of a chunk.

    The same position gives the same bytes. Raises `NotSettled`.
    """
    upto = stamp(position)
    write = _beancount if format_ == "beancount" else _hledger
    yield f"; EasyAutoML ledger, {format_} journal, format 1, up to position {upto}"
    yield from write(upto)


def _hledger(upto: int) -> Iterator[str]:
    yield "commodity 0.00000000 USD"
    yield "commodity 0.00000000 EAML"
    yield from (f"account {account}" for account, _, _ in _closing(upto))
    last = None
    for postings in _operations(upto):
        first = postings[0]
        last = first.day if last is None else max(last, first.day)
        yield ""
        yield f"{first.day} * ({first.operation}) {first.kind}  ; position:{first.position}"
        for posting in postings:
            yield f"    {posting.account}  {text(posting.amount)} {posting.currency}"
    if last is None:
        return
    yield ""
    yield f"{last + timedelta(days=1)} * closing balances  ; position:{upto}"
    for account, currency, balance in _closing(upto):
        yield f"    {account}  0.00000000 {currency} = {text(balance)} {currency}"


def _beancount(upto: int) -> Iterator[str]:
    first, last = _days(upto)
    yield 'option "title" "EasyAutoML ledger"'
    yield 'option "operating_currency" "USD"'
    if first is None or last is None:
        return
    yield ""
    for account, currency, _ in _closing(upto):
        yield f"{first} open {account} {currency}"
    for postings in _operations(upto):
        head = postings[0]
        yield ""
        yield f'{head.day} * "{head.kind}" "{head.operation}"'
        yield f"  position: {head.position}"
        for posting in postings:
            yield f"  {posting.account}  {text(posting.amount)} {posting.currency}"
    yield ""
    for account, currency, balance in _closing(upto):
        yield f"{last + timedelta(days=1)} balance {account}  {text(balance)} {currency}"


def _operations(upto: int) -> Iterator[Sequence[_Posting]]:
    for _, postings in groupby(_postings(upto), key=lambda posting: posting.position):
        yield list(postings)


def _postings(upto: int) -> Iterator[_Posting]:
    last = 0
    while True:
        rows = _fetch(
            """select e.id, e.operation_id::text, o.kind, e.position, e.effective_at, a.code, e.currency,
                      case e.side when 'D' then e.amount else -e.amount end
               from (select * from models_entry where id > %s and id <= %s order by id limit %s) e
               join models_operation o on o.id = e.operation_id
               join ledger_account a on a.id = e.account_id
               order by e.id""",
            [last, last_entry_id(upto), _CHUNK],
        )
        if not rows:
            return
        for entry, operation, kind, position, effective_at, code, currency, amount in rows:
            day, account = effective_at.astimezone(UTC).date(), plain_text_name(code)
            yield _Posting(entry, operation, kind, position, day, account, currency, amount)
        last = rows[-1][0]


def _closing(upto: int) -> Iterator[_Closing]:
    """The balance of every account that has entries, debits positive, by its id."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            """select a.code, sums.currency, sums.balance
               from (select account_id, currency,
                            sum(case side when 'D' then amount else -amount end) as balance
                     from models_entry where id <= %s group by account_id, currency) sums
               join ledger_account a on a.id = sums.account_id
               order by a.id, sums.currency""",
            [last_entry_id(upto)],
        )
        while rows := cursor.fetchmany(_CHUNK):
            for code, currency, balance in rows:
                yield _Closing(plain_text_name(code), currency, balance)


def _days(upto: int) -> tuple[date | None, date | None]:
    rows = _fetch(
        "select min(effective_at), max(effective_at) from models_entry where id <= %s", [last_entry_id(upto)]
    )
    first, last = rows[0]
    return (None, None) if first is None else (first.astimezone(UTC).date(), last.astimezone(UTC).date())


def _fetch(query: str, parameters: Sequence[Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
