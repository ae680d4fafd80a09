"""Stores accounts, operations and entries with set-based statements on the caller's cursor."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from events.arrays import numbers
from events.copying import write_rows
from events.message import StoredEvent
from events.pipeline import Statement, query, send_later
from ledger.domain.chart import ESCROW, PLATFORM_IDS, USER_ACCOUNTS
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.locked_state import Account, LockedState
from ledger.domain.money import text
from ledger.engine.rows import (
    ENTRY_COLUMNS,
    OPERATION_COLUMNS,
    RowSource,
    entry_rows,
    operation_row,
    row_source,
)

_ACCOUNT_COLUMNS: Final = (
    "code, user_id, normal_side = 'C', id, balance, held, version, credit_limit, recorded_at"
)
_LOCK_ACCOUNTS: Final = Statement(
    "lock_accounts",
    f"""select {_ACCOUNT_COLUMNS} from ledger_account where user_id = any($1::bigint[])
        order by user_id, id for no key update""",  # noqa: S608 (fixed names)
)
_UPDATE_ACCOUNTS: Final = Statement(
    "update_accounts",
    """update ledger_account a
       set balance = v.balance, held = v.held, version = v.version, position = v.position,
           recorded_at = $1::timestamptz
       from unnest($2::bigint[], $3::numeric[], $4::numeric[], $5::bigint[], $6::bigint[])
           as v(id, balance, held, version, position)
       where a.id = v.id""",
)


def create_missing_accounts(cursor: Any, users: Sequence[int]) -> None:
    """Create all accounts of the users who have none, unless the user was deleted. `users` are ascending.

    Without accounts there is nothing else to lock that a deletion of the user waits for, so the user's row is
    locked.
    """
    send_later(
        cursor,
        """insert into ledger_account
               (code, kind, user_id, currency, normal_side, balance, held, version, position)
           select 'user:' || asked.id || ':' || made.name, made.kind, asked.id, made.currency, made.side,
                  0, 0, 0, 0
           from models_user asked
           cross join unnest(%s::text[], %s::text[], %s::text[], %s::text[]) with ordinality
               as made(name, kind, currency, side, n)
           where asked.id = any(%s::bigint[])
             and not exists (select from ledger_account a where a.user_id = asked.id)
           order by asked.id, made.n
           for key share of asked
           on conflict do nothing""",
        [account.name for account in USER_ACCOUNTS],
        [account.kind for account in USER_ACCOUNTS],
        [account.currency for account in USER_ACCOUNTS],
        [account.normal_side for account in USER_ACCOUNTS],
        numbers(users),
    )


def lock_accounts(cursor: Any, users: Sequence[int]) -> list[Account]:
    """Lock and read all accounts of the users, user by user in the order of their ids."""
    return [Account(*row) for row in query(cursor, _LOCK_ACCOUNTS, numbers(users))]


def locked_users(cursor: Any, users: Sequence[int]) -> set[int]:
    """Return the users with an account that another transaction has locked now."""
    cursor.execute(
        """with free as materialized (
               select id from ledger_account where user_id = any(%(users)s::bigint[])
               for no key update skip locked)
           select distinct user_id from ledger_account
           where user_id = any(%(users)s::bigint[]) and id not in (select id from free)""",
        {"users": numbers(users)},
    )
    return {row[0] for row in cursor.fetchall()}


def read_accounts(cursor: Any, users: Iterable[int]) -> list[Account]:
    """Return the accounts of the users as they are now, without a lock."""
    cursor.execute(
        f"""select {_ACCOUNT_COLUMNS} from ledger_account where user_id = any(%s::bigint[])
            order by user_id, id""",  # noqa: S608
        [numbers(users)],
    )
    return [Account(*row) for row in cursor.fetchall()]


def recording_time(locked: LockedState, now: datetime) -> datetime:
    """Return the time of recording: now, but not before an account's last one nor in a closed period."""
    times = {locked.closed_until, *(account.recorded_at for account in locked.accounts.values())}
    return max([now, *(time for time in times if time is not None)])


def write(cursor: Any, events: Sequence[StoredEvent], locked: LockedState) -> None:
    """Write the operations and entries of events. All values are copied from the events."""
    ids = PLATFORM_IDS | {code: account.id for code, account in locked.accounts.items()}
    sources: list[RowSource] = []

    def operations() -> Iterator[str]:
        for event in events:
            if event.type in OPERATION_TYPES:
                source = row_source(event)
                sources.append(source)
                yield operation_row(source)

    write_rows(cursor, "models_operation", OPERATION_COLUMNS, operations())
    rows = (row for source in sources for row in entry_rows(source, ids))
    write_rows(cursor, "models_entry", ENTRY_COLUMNS, rows)


def open_escrows(cursor: Any, accounts: Sequence[Account]) -> None:
    """Store new escrow accounts and set their ids. The locks of their clients are held."""
    for account in accounts:
        cursor.execute(
            """insert into ledger_account
                   (code, kind, user_id, currency, normal_side, balance, held, version, position)
               values (%s, %s, %s, %s, %s, 0, 0, 0, 0) returning id""",
            [account.code, ESCROW.kind, account.user, ESCROW.currency, ESCROW.normal_side],
        )
        (account.id,) = cursor.fetchone()


def update_accounts(
    cursor: Any,
    accounts: Sequence[Account],
    positions: Mapping[str, int],
    now: datetime,
) -> None:
    """Write each changed account once. `positions` are those of the accounts' last events, by code."""
    if not accounts:
        return
    send_later(
        cursor,
        _UPDATE_ACCOUNTS,
        now,
        numbers(account.id for account in accounts),
        numbers(text(account.balance) for account in accounts),
        numbers(text(account.held) for account in accounts),
        numbers(account.version for account in accounts),
        numbers(positions[account.code] for account in accounts),
    )
