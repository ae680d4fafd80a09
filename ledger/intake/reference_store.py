"""Stores the latest state of each user, machine and work that its service published: `ledger_reference`.

# Note [Reference data]
A message holds the whole state of one user, machine or work. It is stored under its id in the transaction
that moves the position, unless a higher version is stored already: the higher version counts, in whatever
order the two arrive. The stored state is then applied to the tables; one that names an unknown user or
machine stays stored and is applied once that is known. Applying twice changes nothing, so a worker may be
killed between the two.

A tombstone has no version. A state that arrives after it counts only if it was also changed after it, so
a late older update does not bring back what was deleted. It becomes a dead letter, because only two clocks
say that it is older.

# Note [Times of other services]
A publisher's clock may be wrong. A change that is further ahead of its arrival than an operation may be is
not accepted. Any other counts from when it was made, but never from after its arrival, nor from longer before
it than an operation may be late: `counts_from`. A tombstone was sent when it says, or when it arrived if that
is earlier.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from django.conf import settings
from django.db import connection

from easyautoml_ledger.reference import Machine, ReferenceData, User, Work
from events.store import dump
from ledger.domain.errors import Invalid

_BATCH: Final = 500
_RETRY_SECONDS: Final = 10
_RETRY_SECONDS_MAX: Final = 3600
_MODELS: Final[Mapping[str, type[ReferenceData]]] = {"user": User, "machine": Machine, "work": Work}


def received_at(cursor: Any) -> datetime:
    """Return the time of arrival of the messages at hand: the database's."""
    cursor.execute("select clock_timestamp()")
    now: datetime = cursor.fetchone()[0]
    return now


def store_if_newer(
    cursor: Any, kind: str, state: ReferenceData, *, received: datetime
) -> Literal["kept", "stale", "deleted_since"]:
    """Store a state to be applied; return `kept`, or `stale` if a newer version is stored.

    Return `deleted_since` for a newer version that was changed before the tombstone was sent. Raises
    `Invalid` if it was changed too far in the future. See Note [Times of other services].
    """
    if state.changed_at > received + settings.LEDGER_OCCURRED_AHEAD:
        raise Invalid("changed_at is too far ahead of the ledger's clock", field="changed_at")
    counts_from = max(min(state.changed_at, received), received - settings.LEDGER_OCCURRED_BACK)
    cursor.execute(
        """insert into ledger_reference as reference (kind, thing_id, version, kept, applied, counts_from)
           values (%s, %s, %s, %s, false, %s)
           on conflict (kind, thing_id) do update
           set version = excluded.version, kept = excluded.kept, applied = false,
               counts_from = excluded.counts_from, gone_at = null,
               refusals = 0, retry_at = null, logged_at = null
           where reference.version < excluded.version
             and (reference.gone_at is null or reference.gone_at < %s)""",
        [
            kind,
            state.id,
            state.version,
            dump(state.model_dump(mode="json")),
            counts_from,
            state.changed_at,
        ],
    )
    if cursor.rowcount:
        return "kept"
    cursor.execute(
        "select version < %s from ledger_reference where kind = %s and thing_id = %s",
        [state.version, kind, state.id],
    )
    return "deleted_since" if cursor.fetchone()[0] else "stale"


def forget(cursor: Any, kind: str, thing_id: int, gone_at: datetime) -> None:
    """Empty the stored state, so that it is not applied, and note when its tombstone was sent.

    A time after now is taken for now: see Note [Times of other services].
    """
    cursor.execute(
        """insert into ledger_reference (kind, thing_id, version, kept, applied, gone_at)
           values (%s, %s, 0, '{}', true, least(%s, clock_timestamp()))
           on conflict (kind, thing_id) do update
           set kept = '{}', applied = true, gone_at = excluded.gone_at, retry_at = null""",
        [kind, thing_id, gone_at],
    )


def unapplied(kind: str) -> list[Any]:
    """Return stored states that can be applied now: what they name is known, and no retry is pending."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select kept::text from ledger_reference r
               where kind = %(kind)s and not applied
                 and (retry_at is null or retry_at <= now())
                 and case kind
                   when 'machine' then (kept ->> 'deleted')::boolean or exists (
                       select from models_user where id = (kept ->> 'machine_owner_user')::bigint)
                   when 'work' then exists (
                       select from models_machine where id = (kept ->> 'machine')::bigint)
                   else true end
               order by retry_at nulls first, thing_id limit %(limit)s""",
            {"kind": kind, "limit": _BATCH},
        )
        return [_MODELS[kind].model_validate_json(row[0]) for row in cursor.fetchall()]


def mark_applied(cursor: Any, kind: str, state: ReferenceData) -> datetime | None:
    """Mark a state as applied; return the time from which it counts.

    Return None if a newer version or a tombstone arrived meanwhile.
    """
    cursor.execute(
        """update ledger_reference set applied = true
           where kind = %s and thing_id = %s and version = %s and not applied
           returning counts_from""",
        [kind, state.id, state.version],
    )
    found = cursor.fetchone()
    return None if found is None else found[0]


def defer(kind: str, state: ReferenceData) -> bool:
    """Note that a state could not be applied now. Return True if that is to be logged: once a day.

    It is retried after ten seconds, behind the others, then twice as late each time, up to an hour.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """update ledger_reference
               set refusals = refusals + 1,
                   retry_at = now() + make_interval(
                       secs => least(%(first)s * 2 ^ least(refusals, 30), %(longest)s)),
                   logged_at = case when logged_at > now() - interval '1 day' then logged_at else now() end
               where kind = %(kind)s and thing_id = %(id)s and version = %(version)s
               returning logged_at = now()""",
            {
                "first": _RETRY_SECONDS,
                "longest": _RETRY_SECONDS_MAX,
                "kind": kind,
                "id": state.id,
                "version": state.version,
            },
        )
        found = cursor.fetchone()
    return found is not None and bool(found[0])


def retry_free_addresses() -> bool:
    """Retry refused users whose email address no other user keeps. Return True if there are any.

    A user whose own new state has another address does not keep the old one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """update ledger_reference r set retry_at = null
               where kind = 'user' and not applied and retry_at is not null and not exists (
                   select from models_user u
                   where lower(u.email) = lower(r.kept ->> 'email') and u.id <> r.thing_id
                     and not exists (
                         select from ledger_reference own
                         where own.kind = 'user' and own.thing_id = u.id and not own.applied
                           and lower(own.kept ->> 'email') is distinct from lower(r.kept ->> 'email')))"""
        )
        return bool(cursor.rowcount)
