"""Stores kept state, such as grants, holds and proposals: values copied from events."""

import json
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from events.copying import execute_values
from events.message import StoredEvent
from events.pipeline import send_later
from events.store import dump
from ledger.domain.codec import (
    decode_contract,
    decode_grant,
    decode_hold,
    decode_payout,
    decode_proposal,
    decode_reversed,
)
from ledger.domain.consulting import Contract
from ledger.domain.coupons import Code, Grant
from ledger.domain.holds import Hold
from ledger.domain.payouts import Payout
from ledger.domain.proposals import Adjusted, Proposal
from ledger.domain.reversals import Reversed

_PERIODS_AND_TARIFFS_LOCK: Final = 0x4C45_4447_0003


class KeptTable(NamedTuple):
    """A table of kept state: every row is the state of one thing in the last event that changed it."""

    section: str
    """The name of the states in an event's data, where each is stored by its id."""
    table: str
    key: str
    """The column of the id."""
    columns: tuple[tuple[str, str], ...]
    """Columns with their names in the state; the column `kept` has the whole state."""
    changing: tuple[str, ...]
    """The columns that later events change."""


def _same_names(*columns: str) -> tuple[tuple[str, str], ...]:
    return tuple((column, column) for column in columns)


_USER: Final = (("user_id", "user"),)
_KEPT: Final = (("kept", ""),)
_CODE_COLUMNS: Final = _same_names(
    *("amount", "priority", "kinds", "valid_days", "redeem_until", "redemptions_max", "redemptions"),
    "withdrawn_at",
)
_PERIOD_COLUMNS: Final = ("state", "version", "starts_at", "ends_at", "settled", "proposer", "resolver")

TABLES: Final = (
    KeptTable(
        "grants",
        "ledger_grant",
        "id",
        (*_USER, *_same_names("remaining", "expires_at", "code"), *_KEPT),
        ("remaining", "kept"),
    ),
    KeptTable(
        "holds",
        "ledger_hold",
        "id",
        (*_USER, *_same_names("state", "expires_at"), *_KEPT),
        ("state", "kept"),
    ),
    KeptTable("payouts", "ledger_payout", "id", (*_USER, *_same_names("state"), *_KEPT), ("state", "kept")),
    KeptTable(
        "contracts",
        "ledger_contract",
        "id",
        (("user_id", "client"), *_same_names("state"), *_KEPT),
        ("state", "kept"),
    ),
    KeptTable(
        "proposals",
        "ledger_proposal",
        "id",
        (
            *_same_names("subject"),
            *_USER,
            *_same_names("state", "expires_at", "proposer", "resolver"),
            *_KEPT,
        ),
        ("state", "resolver", "kept"),
    ),
    KeptTable(
        "adjusted", "ledger_adjusted", "key", _same_names("actor", "day", "currency", "amount"), ("amount",)
    ),
    KeptTable(
        "periods",
        "ledger_period",
        "month",
        (*_same_names(*_PERIOD_COLUMNS), ("event_id", "event"), *_KEPT),
        (*_PERIOD_COLUMNS, "event_id", "kept"),
    ),
    KeptTable("reversed", "ledger_reversed", "operation_id", _KEPT, ("kept",)),
    KeptTable("codes", "ledger_coupon_code", "code", _CODE_COLUMNS, ("redemptions", "withdrawn_at")),
)

_SECTIONS: Final = frozenset({each.section for each in TABLES} | {"credit_limits"})
"""The names of all state in an event's data. Most events have none."""
_IDS_CHOSEN_BY_CLIENTS: Final = frozenset({"holds", "payouts"})
_REMAINING: Final = (("grant", "grants"), ("hold", "holds"), ("payout", "payouts"))


def lock_names(cursor: Any, *names: str) -> None:
    """Lock names, which may have no row yet, until the end of the transaction, always in the same order."""
    cursor.execute(
        "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest(%s::text[]) as asked(name)",
        [sorted(set(names))],
    )


def lock_periods_and_tariffs(
    cursor: Any, *, exclusive: bool = False, within_ms: int = 0, afterwards_ms: int = 0
) -> None:
    """Keep periods and tariffs unchanged until the end of the transaction.

    Lock them exclusively to change them: then all decisions that depend on them are committed, and later ones
    see the change. Everything else that is posted waits behind an exclusive lock that waits, so give up after
    `within_ms` milliseconds (0: the transaction's own timeout). The timeout is `afterwards_ms` then.
    """
    if within_ms:
        send_later(cursor, "set local lock_timeout = %s", within_ms)
    lock = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    send_later(cursor, f"select {lock}(%s)", _PERIODS_AND_TARIFFS_LOCK)
    if within_ms:
        send_later(cursor, "set local lock_timeout = %s", afterwards_ms)


def read_grants(cursor: Any, users: Sequence[int], grants: Iterable[str] = ()) -> list[Grant]:
    """Return the users' grants that have something left, and the grants with these ids."""
    cursor.execute(
        """select id::text, kept::text from ledger_grant
           where (user_id = any(%s) and remaining > 0) or id = any(%s::uuid[])""",
        [list(users), list(grants)],
    )
    return [decode_grant(grant, json.loads(kept)) for grant, kept in cursor.fetchall()]


def read_holds(cursor: Any, holds: Iterable[str], users: Sequence[int] = ()) -> list[Hold]:
    """Return the holds with these ids, and the users' open holds."""
    cursor.execute(
        """select id::text, kept::text from ledger_hold
           where id = any(%s::uuid[]) or (user_id = any(%s) and state = 'open')""",
        [list(holds), list(users)],
    )
    return [decode_hold(hold, json.loads(kept)) for hold, kept in cursor.fetchall()]


def read_payouts(cursor: Any, payouts: Iterable[str]) -> list[Payout]:
    """Return the payouts with these ids."""
    cursor.execute(
        "select id::text, kept::text from ledger_payout where id = any(%s::uuid[])", [list(payouts)]
    )
    return [decode_payout(payout, json.loads(kept)) for payout, kept in cursor.fetchall()]


def read_contracts(cursor: Any, contracts: Iterable[int]) -> list[Contract]:
    """Return the consulting contracts with these ids."""
    cursor.execute("select id, kept::text from ledger_contract where id = any(%s)", [list(contracts)])
    return [decode_contract(contract, json.loads(kept)) for contract, kept in cursor.fetchall()]


def read_proposals(cursor: Any, proposals: Iterable[str]) -> list[Proposal]:
    """Return the proposals with these ids."""
    cursor.execute(
        "select id::text, kept::text from ledger_proposal where id = any(%s::uuid[])",
        [list(proposals)],
    )
    return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]


def read_open_proposals_about(cursor: Any, user: int) -> list[Proposal]:
    """Return the open proposals about a user: about the user's accounts, or the user's own tariff."""
    cursor.execute(
        """select id::text, kept::text from ledger_proposal
           where state = 'open'
             and (user_id = %s or subject = 'tariff' and (kept -> 'body' ->> 'user')::bigint = %s)
           order by id""",
        [user, user],
    )
    return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]


def read_adjusted(cursor: Any, actors: Iterable[str], day: date) -> list[Adjusted]:
    """Return the sums that the actors adjusted alone on a day (UTC)."""
    cursor.execute(
        "select actor, day, currency, amount from ledger_adjusted where actor = any(%s) and day = %s",
        [list(actors), day],
    )
    return [
        Adjusted(actor=actor, day=day, currency=currency, amount=amount)
        for actor, day, currency, amount in cursor.fetchall()
    ]


def read_reversed(cursor: Any, operations: Iterable[str]) -> list[Reversed]:
    """Return how much of the operations was reversed so far."""
    cursor.execute(
        "select operation_id::text, kept::text from ledger_reversed where operation_id = any(%s::uuid[])",
        [list(operations)],
    )
    return [decode_reversed(operation, json.loads(kept)) for operation, kept in cursor.fetchall()]


class _CodeRow(NamedTuple):
    code: str
    amount: Decimal
    priority: int
    kinds: list[str] | None
    valid_days: int | None
    redeem_until: datetime | None
    redemptions_max: int | None
    redemptions: int
    withdrawn_at: datetime | None


def read_codes(cursor: Any, codes: Iterable[str], users: Sequence[int]) -> list[Code]:
    """Return the coupon codes, with those of the users who have redeemed them."""
    ordered = sorted(set(codes))
    cursor.execute(
        """select code, amount, priority, kinds, valid_days, redeem_until, redemptions_max, redemptions,
                  withdrawn_at
           from ledger_coupon_code where code = any(%s)""",
        [ordered],
    )
    rows = [_CodeRow(*row) for row in cursor.fetchall()]
    cursor.execute(
        "select code, user_id from ledger_grant where code = any(%s) and user_id = any(%s)",
        [ordered, list(users)],
    )
    redeemed: dict[str, set[int]] = {}
    for code, user in cursor.fetchall():
        redeemed.setdefault(code, set()).add(user)
    return [
        Code(
            code=row.code,
            amount=row.amount,
            priority=row.priority,
            kinds=None if row.kinds is None else tuple(row.kinds),
            valid_days=row.valid_days,
            redeem_until=row.redeem_until,
            redemptions_max=row.redemptions_max,
            redemptions=row.redemptions,
            withdrawn_at=row.withdrawn_at,
            redeemed_by=frozenset(redeemed.get(row.code, ())),
        )
        for row in rows
    ]


class IdTaken(Exception):
    """Another user's hold or payout got this id after the batch had read the state."""


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write the state after the events, each row once. Raises `IdTaken`."""
    events = [event for event in events if not _SECTIONS.isdisjoint(event.data)]
    if not events:
        return
    for section, table, key, columns, changing in TABLES:
        kept = {each: state for event in events for each, state in event.data.get(section, {}).items()}
        if kept:
            rows = [
                (
                    each,
                    *(dump(state) if column == "kept" else state.get(source) for column, source in columns),
                )
                for each, state in sorted(kept.items())
            ]
            names = ", ".join([key, *(column for column, _ in columns)])
            updates = ", ".join(f"{column} = excluded.{column}" for column in changing)
            statement = f"insert into {table} ({names}) values %s on conflict ({key}) do update set {updates}"  # noqa: S608
            if section in _IDS_CHOSEN_BY_CLIENTS:
                _write_unless_taken(cursor, table, statement, rows)
            else:
                execute_values(cursor, statement, rows)
    _write_remaining(cursor, events)
    limits = {code: limit for event in events for code, limit in event.data.get("credit_limits", {}).items()}
    for code, limit in sorted(limits.items()):
        cursor.execute("update ledger_account set credit_limit = %s where code = %s", [limit, code])


def _write_unless_taken(cursor: Any, table: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write state whose id its sender chose, except where another user has that id. Raises `IdTaken`."""
    statement += f" where {table}.user_id = excluded.user_id returning id"
    if len(execute_values(cursor, statement, rows, fetch=True)) < len(rows):
        raise IdTaken


def _write_remaining(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write what remained of each grant, hold and payout after each event, for balances as of a time."""
    rows = [
        (
            *(event.position, key, kind, kept["user"], event.recorded_at),
            *(kept["remaining"], kept.get("expires_at")),
        )
        for event in events
        for kind, section in _REMAINING
        for key, kept in event.data.get(section, {}).items()
    ]
    if rows:
        execute_values(
            cursor,
            """insert into ledger_remaining
                   (position, subject, subject_kind, user_id, recorded_at, remaining, expires_at)
               values %s""",
            rows,
        )
