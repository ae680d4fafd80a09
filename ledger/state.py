"""Grants, holds, reversals and coupon codes in the database: copied from what events say."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from psycopg2.extras import execute_values

from events.message import StoredEvent
from events.store import dump
from ledger.domain.coupons import Code, Grant
from ledger.domain.holds import Hold
from ledger.domain.reversals import Reversed
from ledger.domain.state import grant_from, hold_from, reversed_from


def read_grants(cursor: Any, users: Sequence[int], grants: Iterable[str] = ()) -> list[Grant]:
    """The grants of the users that have something left, and those named."""
    cursor.execute(
        """select id::text, kept::text from ledger_grant
           where (user_id = any(%s) and remaining > 0) or id = any(%s::uuid[])""",
        [list(users), list(grants)],
    )
    return [grant_from(grant, json.loads(kept)) for grant, kept in cursor.fetchall()]


def read_holds(cursor: Any, holds: Iterable[str], users: Sequence[int] = ()) -> list[Hold]:
    """The holds named, and the open ones of the users."""
    cursor.execute(
        """select id::text, kept::text from ledger_hold
           where id = any(%s::uuid[]) or (user_id = any(%s) and state = 'open')""",
        [list(holds), list(users)],
    )
    return [hold_from(hold, json.loads(kept)) for hold, kept in cursor.fetchall()]


def read_reversed(cursor: Any, operations: Iterable[str]) -> list[Reversed]:
    """What was reversed of the operations so far."""
    cursor.execute(
        "select operation_id::text, kept::text from ledger_reversed where operation_id = any(%s::uuid[])",
        [list(operations)],
    )
    return [reversed_from(operation, json.loads(kept)) for operation, kept in cursor.fetchall()]


def read_codes(cursor: Any, codes: Iterable[str], users: Sequence[int], *, lock: bool) -> list[Code]:
    """The coupon codes, locked in sorted order, with which of the users have redeemed them."""
    cursor.execute(
        f"""select code, amount, priority, kinds, valid_days, redeem_until, redemptions_max, redemptions
            from ledger_coupon_code where code = any(%s) order by code
            {"for no key update" if lock else ""}""",  # noqa: S608 (two fixed texts)
        [sorted(codes)],
    )
    rows = cursor.fetchall()
    cursor.execute(
        "select code, user_id from ledger_grant where code = any(%s) and user_id = any(%s)",
        [sorted(codes), list(users)],
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


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write the state that the events say is so after them, each row once."""
    grants: dict[str, tuple[Any, ...]] = {}
    holds: dict[str, tuple[Any, ...]] = {}
    reversed_: dict[str, tuple[Any, ...]] = {}
    codes: dict[str, int] = {}
    limits: dict[str, str | None] = {}
    for event in events:
        data = event.data
        for key, kept in data.get("grants", {}).items():
            grants[key] = (key, kept["user"], kept["remaining"], kept["expires_at"], kept["code"], dump(kept))
        for key, kept in data.get("holds", {}).items():
            holds[key] = (key, kept["user"], kept["state"], kept["expires_at"], dump(kept))
        for key, kept in data.get("reversed", {}).items():
            reversed_[key] = (key, dump(kept))
        codes |= data.get("codes", {})
        limits |= data.get("credit_limits", {})
    if grants:
        execute_values(
            cursor.cursor,
            """insert into ledger_grant (id, user_id, remaining, expires_at, code, kept) values %s
               on conflict (id) do update set remaining = excluded.remaining, kept = excluded.kept""",
            list(grants.values()),
        )
    if holds:
        execute_values(
            cursor.cursor,
            """insert into ledger_hold (id, user_id, state, expires_at, kept) values %s
               on conflict (id) do update set state = excluded.state, kept = excluded.kept""",
            list(holds.values()),
        )
    if reversed_:
        execute_values(
            cursor.cursor,
            """insert into ledger_reversed (operation_id, kept) values %s
               on conflict (operation_id) do update set kept = excluded.kept""",
            list(reversed_.values()),
        )
    for code, redemptions in sorted(codes.items()):
        cursor.execute("update ledger_coupon_code set redemptions = %s where code = %s", [redemptions, code])
    for code, limit in sorted(limits.items()):
        cursor.execute("update ledger_account set credit_limit = %s where code = %s", [limit, code])
