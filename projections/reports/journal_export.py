"""Exports the journal for hledger and beancount: every operation with its entries, and closing balances.

Debits are positive and credits negative, always with exactly 8 decimals, because beancount derives its
tolerance from the coarsest amount of a transaction. Both formats end with closing balances, which the
programs check. The date is the day (UTC) of the effective time. The journal of a month begins with opening
balances.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from django.db import connection, transaction

from ledger.domain.money import text
from ledger.domain.periods import Month
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


class _Balance(NamedTuple):
    account: str
    currency: str
    balance: Decimal


class _Part(NamedTuple):
    """The entries to export: up to a position, effective at or after `since` and before `until`."""

    upto: int
    since: datetime | None
    until: datetime | None

    def bounds(self) -> dict[str, Any]:
        """Return the conditions as parameters of a statement."""
        return {"last_id": last_entry_id(self.upto), "since": self.since, "until": self.until}

    @property
    def before(self) -> "_Part | None":
        """Return the range of everything before `since`."""
        return None if self.since is None else _Part(self.upto, None, self.since)


_BEFORE_THE_END: Final = "id <= %(last_id)s and (%(until)s is null or effective_at < %(until)s)"
_IN: Final = f"{_BEFORE_THE_END} and (%(since)s is null or effective_at >= %(since)s)"


def export_journal(format_: Format, position: int | None = None, month: Month | None = None) -> Iterator[str]:
    """Yield the lines of the file up to a settled position, for all time or one month, holding one chunk
    in memory.

    The same position gives the same bytes. Raises `NotSettled`.
    """
    part = _Part(stamp(position), *((None, None) if month is None else (month.starts_at, month.ends_at)))
    write = _beancount if format_ == "beancount" else _hledger
    of = "" if month is None else f"of {month}, "
    yield f"; EasyAutoML ledger, {format_} journal, format 1, {of}up to position {part.upto}"
    yield from write(part)


def _hledger(part: _Part) -> Iterator[str]:
    yield "commodity 0.00000000 USD"
    yield "commodity 0.00000000 EAML"
    yield from (f"account {account}" for account, _, _ in _balances(part))
    first, last = _days(part)
    if first is None or last is None:
        return
    if opening := list(_opening(part)):
        yield ""
        yield f"{first} * opening balances  ; position:{part.upto}"
        for account, currency, balance in opening:
            yield f"    {account}  {text(balance)} {currency}"
    for postings in _operations(part):
        head = postings[0]
        yield ""
        yield f"{head.day} * ({head.operation}) {head.kind}  ; position:{head.position}"
        for posting in postings:
            yield f"    {posting.account}  {text(posting.amount)} {posting.currency}"
    yield ""
    yield f"{last + timedelta(days=1)} * closing balances  ; position:{part.upto}"
    for account, currency, balance in _balances(part):
        yield f"    {account}  0.00000000 {currency} = {text(balance)} {currency}"


def _beancount(part: _Part) -> Iterator[str]:
    first, last = _days(part)
    yield 'option "title" "EasyAutoML ledger"'
    yield 'option "operating_currency" "USD"'
    if first is None or last is None:
        return
    yield ""
    for account, currency, _ in _balances(part):
        yield f"{first} open {account} {currency}"
    if opening := list(_opening(part)):
        yield ""
        yield f'{first} * "opening balances"'
        yield f"  position: {part.upto}"
        for account, currency, balance in opening:
            yield f"  {account}  {text(balance)} {currency}"
    for postings in _operations(part):
        head = postings[0]
        yield ""
        yield f'{head.day} * "{head.kind}" "{head.operation}"'
        yield f"  position: {head.position}"
        for posting in postings:
            yield f"  {posting.account}  {text(posting.amount)} {posting.currency}"
    yield ""
    for account, currency, balance in _balances(part):
        yield f"{last + timedelta(days=1)} balance {account}  {text(balance)} ~ 0 {currency}"


def _operations(part: _Part) -> Iterator[Sequence[_Posting]]:
    for _, postings in groupby(_postings(part), key=lambda posting: posting.position):
        yield list(postings)


def _postings(part: _Part) -> Iterator[_Posting]:
    """Yield the postings by day, so that what was back-dated is in its place, and then by position."""
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""select e.id, e.operation_id::text, o.kind, e.position,
                      (e.effective_at at time zone 'UTC')::date, a.code, e.currency,
                      case e.side when 'D' then e.amount else -e.amount end
               from (select * from models_entry where {_IN}) e
               join models_operation o on o.id = e.operation_id
               join ledger_account a on a.id = e.account_id
               order by (e.effective_at at time zone 'UTC')::date, e.id""",  # noqa: S608 (fixed conditions)
            part.bounds(),
        )
        for entry, operation, kind, position, day, code, currency, amount in cursor:
            yield _Posting(entry, operation, kind, position, day, plain_text_name(code), currency, amount)


def _opening(part: _Part) -> Iterator[_Balance]:
    """Yield the opening balances that are not zero."""
    if part.before is not None:
        yield from (each for each in _balances(part.before) if each.balance)


def _balances(part: _Part) -> Iterator[_Balance]:
    """Return the closing balance of each account with entries, debits positive, by account id."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            f"""select a.code, sums.currency, sums.balance
               from (select account_id, currency,
                            sum(case side when 'D' then amount else -amount end) as balance
                     from models_entry where {_BEFORE_THE_END} group by account_id, currency) sums
               join ledger_account a on a.id = sums.account_id
               order by a.id, sums.currency""",  # noqa: S608
            part.bounds(),
        )
        while rows := cursor.fetchmany(_CHUNK):
            for code, currency, balance in rows:
                yield _Balance(plain_text_name(code), currency, balance)


def _days(part: _Part) -> tuple[date | None, date | None]:
    """Return the first and last day of the month, or of the entries."""
    if part.since is not None and part.until is not None:
        return part.since.date(), (part.until - timedelta(days=1)).date()
    rows = _fetch(
        f"select min(effective_at), max(effective_at) from models_entry where {_IN}",  # noqa: S608
        part.bounds(),
    )
    first, last = rows[0]
    return (None, None) if first is None else (first.astimezone(UTC).date(), last.astimezone(UTC).date())


def _fetch(query: str, parameters: Mapping[str, Any]) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return list(cursor.fetchall())
