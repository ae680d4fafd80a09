"""Publishes the latest balances of each user: `billing.balances`."""

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final, NamedTuple

from django.db import connection

from easyautoml_ledger import topics
from easyautoml_ledger.outcomes import Balance
from events import store
from events.kafka.feeds import FeedMessage
from events.kafka.outgoing import Outgoing, cloud_event_headers
from ledger.domain.decide import REJECTION_TYPES
from ledger.domain.money import ZERO, text


class BalanceFeed:
    """One message per user that events touched, with the balances after the last. For a compacted topic."""

    topic = topics.BILLING_BALANCES

    def messages(self, *, after: int, upto: int) -> list[FeedMessage]:
        """Return the users' latest balances from the events with after < position ≤ upto."""
        with connection.cursor() as cursor:
            cursor.execute(_EVENTS_SQL, {"after": after, "upto": upto, "rejections": _REJECTIONS})
            rows = [_Row(*row) for row in cursor.fetchall()]
        return [FeedMessage(row.version, _message(row)) for row in rows]

    def snapshot(self) -> Iterator[list[Outgoing]]:
        """Yield the current balances of all users, read from the accounts, in batches of up to 1,000."""
        after = 0
        while rows := _read_accounts(after):
            yield [_message(row) for row in rows]
            after = rows[-1].user


class _Row(NamedTuple):
    """A user's balances after the event at position `version`: balance and held amount per account."""

    user: int
    version: int
    as_of: str
    accounts: str


_TIME: Final = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""
# A user's last event contains all of their accounts, with the balances after it.
_EVENTS_SQL: Final = f"""
    with touched as (
        select split_part(account.key, ':', 2)::bigint as user_id, event.position, event.recorded_at,
               substr(account.key, length('user::') + 1 + length(split_part(account.key, ':', 2))) as name,
               account.value
        from events_event event, jsonb_each(event.data->'accounts') as account
        where event.position > %(after)s and event.position <= %(upto)s
          and event.type <> all(%(rejections)s) and account.key like 'user:%%'),
    ranked as (
        select *, rank() over (partition by user_id order by position desc) as age from touched)
    select user_id, position, to_char(recorded_at at time zone 'UTC', {_TIME}),
           json_object_agg(name, json_build_array(value->>'balance', value->>'held'))::text
    from ranked where age = 1
    group by user_id, position, recorded_at
    order by position, user_id"""  # noqa: S608 (a fixed format)

_ACCOUNTS_SQL: Final = f"""
    select user_id, max(position), to_char(max(recorded_at) at time zone 'UTC', {_TIME}),
           json_object_agg(substr(code, length('user::') + 1 + length(user_id::text)),
                           json_build_array(balance::text, held::text))::text
    from ledger_account
    where user_id in (
        select distinct user_id from ledger_account
        where user_id > %(after)s and recorded_at is not null order by user_id limit %(users)s)
      and recorded_at is not null and kind <> 'escrow'
    group by user_id order by user_id"""  # noqa: S608 (a fixed format)

_FUNDS: Final = ("usd", "eaml", "coupon")
_NOTHING: Final = text(ZERO)
_REJECTIONS: Final = sorted(REJECTION_TYPES)
_SNAPSHOT_USERS: Final = 1000
_SOURCE: Final = topics.BILLING_SERVICE.encode()
_TYPE: Final = Balance.event_type.encode()


def _read_accounts(after: int) -> list[_Row]:
    with connection.cursor() as cursor:
        cursor.execute(_ACCOUNTS_SQL, {"after": after, "users": _SNAPSHOT_USERS})
        return [_Row(*row) for row in cursor.fetchall()]


def _message(row: _Row) -> Outgoing:
    accounts: dict[str, tuple[str, str]] = json.loads(row.accounts)
    payload: dict[str, Any] = {"user": row.user, "version": row.version}
    for name in _FUNDS:
        balance, held = accounts.get(name, (_NOTHING, _NOTHING))
        available = balance if held == _NOTHING else text(Decimal(balance) - Decimal(held))
        payload[name] = {"balance": balance, "held": held, "available": available}
    payload["due_usd"] = accounts.get("due:usd", (_NOTHING,))[0]
    payload["due_eaml"] = accounts.get("due:eaml", (_NOTHING,))[0]
    payload["as_of"] = row.as_of
    headers = cloud_event_headers(
        event_id=f"{row.user}:{row.version}", source=_SOURCE, event_type=_TYPE, time=row.as_of
    )
    return Outgoing(topics.BILLING_BALANCES, str(row.user).encode(), store.dump(payload).encode(), headers)
