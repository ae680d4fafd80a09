"""Rebuilds the write side's state: accounts, grants, holds, periods, and the balances on users.

# Note [Rebuilding under way]
The log is first read up to the settled position without locks. The rest is read for a few users at a time,
under their locks: whatever was posted for them is committed by then, so all their events are visible, settled
or not. Reading an event twice is harmless, because states are copied from events and never summed.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Final

from django.db import connection, transaction

from events import store
from events.message import StoredEvent
from events.settler import Settler, settle_all
from ledger.domain.chart import owner_of
from ledger.domain.money import text
from ledger.engine import consulting, journal, kept_store
from projections import period_balances
from projections.account_replay import State, States, follow, named_codes
from projections.kept_state import KeptState
from projections.shadow import real_name, shadow_tables, swap

_CHUNK: Final = 2000
_USERS_AT_ONCE: Final = 200
_BEYOND: Final = 2**62
_PARTLY_SHARED: Final = frozenset({"ledger_proposal"})
"""Tables in which some rows belong to a user and others to no user."""


def rebuild_balances(*, progress: Callable[[int, int], None] = lambda _position, _settled: None) -> int:
    """Correct every row that differs from the log; return their number."""
    settler, kept = Settler(), KeptState()
    with shadow_tables([kept]), connection.cursor() as cursor:
        replay = _Replay(cursor, kept)
        replay.go_on(settle_all(), progress)
        mended = 0
        for users in _users(cursor):
            replay.go_on(settler.advance(), progress)
            with transaction.atomic():
                journal.lock_accounts(cursor, users)
                replay.look_ahead(users)
                mended += _mend_accounts(cursor, users, replay.states)
                mended += _mend_users(cursor, users)
                for table in kept.tables:
                    if "user_id" in table.columns:
                        swapped = swap(cursor, table, only="user_id = any(%s)", parameters=[users])
                        mended += max(swapped)
                mended += consulting.mend_statuses(cursor, users)
        with transaction.atomic():
            mended += _mend_shared(cursor, replay, kept)
        with transaction.atomic():
            kept_store.lock_periods_and_tariffs(cursor)
            mended += period_balances.mend(cursor)
    return mended


class _Replay:
    """The log up to a position: account states in memory, rows in shadow tables."""

    def __init__(self, cursor: Any, kept: KeptState) -> None:
        self._cursor = cursor
        self._kept = kept
        self._position = 0
        self.states = States()

    def go_on(self, upto: int, progress: Callable[[int, int], None]) -> None:
        """Read the log up to a settled position."""
        for events in _chunks(self._position, upto):
            self._follow(events)
            self._position = events[-1].position
            progress(self._position, upto)
        self._position = max(self._position, upto)

    def look_ahead(self, users: Iterable[int] | None) -> None:
        """Read the visible events above it, for these locked users only or for all."""
        known = None if users is None else set(users)
        for events in _chunks(self._position, _BEYOND):
            self._follow([event for event in events if known is None or _is_about(event, known)])

    def _follow(self, events: Sequence[StoredEvent]) -> None:
        states = self.states.use(code for event in events for code in named_codes(event))
        for event in events:
            follow(event, states)
        with transaction.atomic():
            self._kept.apply(self._cursor, events)


def _chunks(after: int, upto: int) -> Iterator[list[StoredEvent]]:
    while events := store.read(after=after, upto=upto, limit=_CHUNK):
        yield events
        after = events[-1].position


def _is_about(event: StoredEvent, users: set[int]) -> bool:
    # A proposal may concern a user whose accounts are all empty.
    proposals = event.data.get("proposals", {}).values()
    # An event that names an escrow names the client's accounts too.
    return any(owner_of(code) in users for code in named_codes(event)) or any(
        proposal["user"] in users for proposal in proposals
    )


def _users(cursor: Any) -> Iterator[list[int]]:
    """Yield the ids of all users with an account or a row, ascending."""
    last = -1
    while True:
        cursor.execute(
            """select id from (
                   (select distinct user_id as id from ledger_account where user_id > %(last)s
                    order by 1 limit %(limit)s)
                   union
                   (select id from models_user where id > %(last)s order by id limit %(limit)s)) known
               order by id limit %(limit)s""",
            {"last": last, "limit": _USERS_AT_ONCE},
        )
        users = [row[0] for row in cursor.fetchall()]
        if not users:
            return
        yield users
        last = users[-1]


def _mend_accounts(cursor: Any, users: Sequence[int], states: States) -> int:
    cursor.execute("select code from ledger_account where user_id = any(%s)", [list(users)])
    codes = [row[0] for row in cursor.fetchall()]
    known, new = states.peek(codes), State()
    rows = [(code, known.get(code, new)) for code in codes]
    cursor.execute(
        """update ledger_account a
           set balance = v.balance, held = v.held, version = v.version, position = v.position,
               recorded_at = v.recorded_at, credit_limit = v.credit_limit
           from unnest(%s::text[], %s::numeric[], %s::numeric[], %s::bigint[], %s::bigint[],
                       %s::timestamptz[], %s::numeric[])
               as v(code, balance, held, version, position, recorded_at, credit_limit)
           where a.code = v.code
             and (a.balance, a.held, a.version, a.position, a.recorded_at, a.credit_limit) is distinct from
                 (v.balance, v.held, v.version, v.position, v.recorded_at, v.credit_limit)""",
        [
            [code for code, _ in rows],
            [text(state.balance) for _, state in rows],
            [text(state.held) for _, state in rows],
            [state.version for _, state in rows],
            [state.position for _, state in rows],
            [state.recorded_at for _, state in rows],
            [state.credit_limit for _, state in rows],
        ],
    )
    return int(cursor.rowcount)


def _mend_users(cursor: Any, users: Sequence[int]) -> int:
    cursor.execute(
        """update models_user u
           set user_balance = own.usd, user_ixioo_balance = own.eaml, coupon_balance = own.coupon
           from (select asked.id,
                        coalesce(sum(a.balance) filter (where a.kind = 'user:usd'), 0) as usd,
                        coalesce(sum(a.balance) filter (where a.kind = 'user:eaml'), 0) as eaml,
                        coalesce(sum(a.balance) filter (where a.kind = 'user:coupon'), 0) as coupon
                 from unnest(%s::bigint[]) as asked(id)
                 left join ledger_account a on a.user_id = asked.id
                 group by asked.id) own
           where u.id = own.id
             and (u.user_balance, u.user_ixioo_balance, u.coupon_balance) is distinct from
                 (own.usd, own.eaml, own.coupon)""",
        [list(users)],
    )
    return int(cursor.rowcount)


def _mend_shared(cursor: Any, replay: _Replay, kept: KeptState) -> int:
    """Rebuild the rows that belong to no user, under a lock that keeps other writers out."""
    kept_store.lock_periods_and_tariffs(cursor, exclusive=True)
    shared = [
        *((table, "true") for table in kept.tables if "user_id" not in table.columns),
        *((table, "user_id is null") for table in kept.tables if table.name in _PARTLY_SHARED),
    ]
    for table, _ in sorted(shared, key=lambda each: each[0].name):
        cursor.execute(f"lock table {real_name(cursor, table)} in share row exclusive mode")
    replay.look_ahead(None)
    return sum(max(swap(cursor, table, only=only)) for table, only in shared)
