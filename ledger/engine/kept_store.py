"""Grants, holds, reversals and coupon codes in the database: copied from what events say."""

import json
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final

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

# Per name in an event's data: table, key, columns with their names in the kept state, what changes.
_KEPT: Final = ("kept", "")
_CODE_COLUMNS: Final = (
    "amount",
    "priority",
    "kinds",
    "valid_days",
    "redeem_until",
    "redemptions_max",
    "redemptions",
)
_PERIOD_COLUMNS: Final = ("state", "version", "starts_at", "ends_at", "settled", "proposer", "resolver")
_BOOKS_LOCK: Final = 0x4C45_4447_0003
_TABLES: Final = (
    (
        "grants",
        "ledger_grant",
        "id",
        (("user_id", "user"), ("remaining",) * 2, ("expires_at",) * 2, ("code",) * 2, _KEPT),
        ("remaining", "kept"),
    ),
    (
        "holds",
        "ledger_hold",
        "id",
        (("user_id", "user"), ("state",) * 2, ("expires_at",) * 2, _KEPT),
        ("state", "kept"),
    ),
    (
        "payouts",
        "ledger_payout",
        "id",
        (("user_id", "user"), ("state",) * 2, _KEPT),
        ("state", "kept"),
    ),
    (
        "contracts",
        "ledger_contract",
        "id",
        (("user_id", "client"), ("state",) * 2, _KEPT),
        ("state", "kept"),
    ),
    (
        "proposals",
        "ledger_proposal",
        "id",
        (
            *(("subject",) * 2, ("user_id", "user"), ("state",) * 2, ("expires_at",) * 2),
            *(("proposer",) * 2, ("resolver",) * 2, _KEPT),
        ),
        ("state", "resolver", "kept"),
    ),
    (
        "adjusted",
        "ledger_adjusted",
        "key",
        (("actor",) * 2, ("day",) * 2, ("currency",) * 2, ("amount",) * 2),
        ("amount",),
    ),
    (
        "periods",
        "ledger_period",
        "month",
        (
            *((name, name) for name in _PERIOD_COLUMNS),
            ("event_id", "event"),
            _KEPT,
        ),
        (*_PERIOD_COLUMNS, "event_id", "kept"),
    ),
    ("reversed", "ledger_reversed", "operation_id", (_KEPT,), ("kept",)),
    ("codes", "ledger_coupon_code", "code", tuple((name, name) for name in _CODE_COLUMNS), ("redemptions",)),
)

_NAMES: Final = frozenset({name for name, *_ in _TABLES} | {"credit_limits"})
"""Under what names an event's data has state, which most events have none of."""
_IDS_OF_PUBLISHERS: Final = frozenset({"holds", "payouts"})
_REMAINING: Final = (("grant", "grants"), ("hold", "holds"), ("payout", "payouts"))


def lock_names(cursor: Any, *names: str) -> None:
    """Let nobody else have these names until the end of the transaction, in an order that all keep to."""
    cursor.execute(
        "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest(%s::text[]) as asked(name)",
        [sorted(set(names))],
    )


def lock_periods_and_tariffs(cursor: Any, *, exclusive: bool = False, within_ms: int = 0) -> None:
    """Keep what is the same for everybody, periods and tariffs, as it is until the end of the transaction.

    Whoever changes it takes it exclusively: what was decided by it before is committed then, and what
    comes after sees the change. Everybody else waits behind him, so he may give up after so many
    milliseconds.
    """
    if within_ms:
        send_later(cursor, "set local lock_timeout = %s", within_ms)
    lock = "pg_advisory_xact_lock" if exclusive else "pg_advisory_xact_lock_shared"
    send_later(cursor, f"select {lock}(%s)", _BOOKS_LOCK)
    if within_ms:
        send_later(cursor, "set local lock_timeout = default")


def read_grants(cursor: Any, users: Sequence[int], grants: Iterable[str] = ()) -> list[Grant]:
    """The grants of the users that have something left, and those named."""
    cursor.execute(
        """select id::text, kept::text from ledger_grant
           where (user_id = any(%s) and remaining > 0) or id = any(%s::uuid[])""",
        [list(users), list(grants)],
    )
    return [decode_grant(grant, json.loads(kept)) for grant, kept in cursor.fetchall()]


def read_holds(cursor: Any, holds: Iterable[str], users: Sequence[int] = ()) -> list[Hold]:
    """The holds named, and the open ones of the users."""
    cursor.execute(
        """select id::text, kept::text from ledger_hold
           where id = any(%s::uuid[]) or (user_id = any(%s) and state = 'open')""",
        [list(holds), list(users)],
    )
    return [decode_hold(hold, json.loads(kept)) for hold, kept in cursor.fetchall()]


def read_payouts(cursor: Any, payouts: Iterable[str]) -> list[Payout]:
    """The payouts named."""
    cursor.execute(
        "select id::text, kept::text from ledger_payout where id = any(%s::uuid[])", [list(payouts)]
    )
    return [decode_payout(payout, json.loads(kept)) for payout, kept in cursor.fetchall()]


def read_contracts(cursor: Any, contracts: Iterable[int]) -> list[Contract]:
    """The consulting contracts named."""
    cursor.execute("select id, kept::text from ledger_contract where id = any(%s)", [list(contracts)])
    return [decode_contract(contract, json.loads(kept)) for contract, kept in cursor.fetchall()]


def read_proposals(cursor: Any, proposals: Iterable[str]) -> list[Proposal]:
    """The proposals named."""
    cursor.execute(
        "select id::text, kept::text from ledger_proposal where id = any(%s::uuid[])",
        [list(proposals)],
    )
    return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]


def read_adjusted(cursor: Any, actors: Iterable[str], day: date) -> list[Adjusted]:
    """What the actors adjusted alone on a day."""
    cursor.execute(
        "select actor, day, currency, amount from ledger_adjusted where actor = any(%s) and day = %s",
        [list(actors), day],
    )
    return [Adjusted(actor=row[0], day=row[1], currency=row[2], amount=row[3]) for row in cursor.fetchall()]


def read_reversed(cursor: Any, operations: Iterable[str]) -> list[Reversed]:
    """What was reversed of the operations so far."""
    cursor.execute(
        "select operation_id::text, kept::text from ledger_reversed where operation_id = any(%s::uuid[])",
        [list(operations)],
    )
    return [decode_reversed(operation, json.loads(kept)) for operation, kept in cursor.fetchall()]


def read_codes(cursor: Any, codes: Iterable[str], users: Sequence[int]) -> list[Code]:
    """The coupon codes, with which of the users have redeemed them."""
    ordered = sorted(set(codes))
    cursor.execute(
        """select code, amount, priority, kinds, valid_days, redeem_until, redemptions_max, redemptions
           from ledger_coupon_code where code = any(%s)""",
        [ordered],
    )
    rows = cursor.fetchall()
    cursor.execute(
        "select code, user_id from ledger_grant where code = any(%s) and user_id = any(%s)",
        [ordered, list(users)],
    )
    redeemed: dict[str, set[int]] = {}
    for code, user in cursor.fetchall():
        redeemed.setdefault(code, set()).add(user)
    return [
        Code(
            code=row[0],
            amount=row[1],
            priority=row[2],
            kinds=None if row[3] is None else tuple(row[3]),
            valid_days=row[4],
            redeem_until=row[5],
            redemptions_max=row[6],
            redemptions=row[7],
            redeemed_by=frozenset(redeemed.get(row[0], ())),
        )
        for row in rows
    ]


class IdTaken(Exception):
    """Another user's hold or payout got the same id, after the book was read."""


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write the state that the events say is so after them, each row once. Raises `IdTaken`."""
    events = [event for event in events if not _NAMES.isdisjoint(event.data)]
    if not events:
        return
    for name, table, key, columns, changing in _TABLES:
        kept = {each: state for event in events for each, state in event.data.get(name, {}).items()}
        if kept:
            rows = [
                (each, *(dump(state) if column == "kept" else state[source] for column, source in columns))
                for each, state in sorted(kept.items())
            ]
            names = ", ".join([key, *(column for column, _ in columns)])
            updates = ", ".join(f"{column} = excluded.{column}" for column in changing)
            statement = f"insert into {table} ({names}) values %s on conflict ({key}) do update set {updates}"  # noqa: S608
            if name in _IDS_OF_PUBLISHERS:
                _write_own(cursor, table, statement, rows)
            else:
                execute_values(cursor, statement, rows)
    _write_remaining(cursor, events)
    limits = {code: limit for event in events for code, limit in event.data.get("credit_limits", {}).items()}
    for code, limit in sorted(limits.items()):
        cursor.execute("update ledger_account set credit_limit = %s where code = %s", [limit, code])


def _write_own(cursor: Any, table: str, statement: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Write what has an id that publishers chose: what is another user's is left alone."""
    statement += f" where {table}.user_id = excluded.user_id returning id"
    if len(execute_values(cursor, statement, rows, fetch=True)) < len(rows):
        raise IdTaken


def _write_remaining(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write what remained of each grant, hold and payout after each event: balances as of a time need it."""
    rows = [
        (
            *(event.position, key, kind, kept["user"], event.recorded_at),
            *(kept["remaining"], kept.get("expires_at")),
        )
        for event in events
        for kind, name in _REMAINING
        for key, kept in event.data.get(name, {}).items()
    ]
    if rows:
        execute_values(
            cursor,
            """insert into ledger_remaining
                   (position, subject, subject_kind, user_id, recorded_at, remaining, expires_at)
               values %s""",
            rows,
        )
