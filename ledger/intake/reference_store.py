"""The latest state of each user, machine and work, as its service told it: `ledger_reference`.

# Note [Reference data]
A message is the whole state of one thing. It is kept under the thing's id in the transaction that moves
the position, unless a higher version is kept already: of two messages the higher version counts,
whichever comes last. What is kept is then applied to the tables; what names somebody who is not known
yet stays kept, and is applied once he is. Applying twice changes nothing, so a worker may be killed
between the two.

A tombstone has no version. What comes after it counts only if it was changed after it too: an update of
before that arrives late brings nobody back.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from django.db import connection

from easyautoml_ledger.reference import Machine, ReferenceData, User, Work
from events.store import dump

_BATCH: Final = 500
_AGAIN_SECONDS: Final = 10
_MODELS: Final[Mapping[str, type[ReferenceData]]] = {"user": User, "machine": Machine, "work": Work}


def keep(cursor: Any, kind: str, thing: ReferenceData) -> bool:
    """Keep a state to be applied; whether it is the latest."""
    cursor.execute(
        """insert into ledger_reference as reference (kind, thing_id, version, kept, applied)
           values (%s, %s, %s, %s, false)
           on conflict (kind, thing_id) do update
           set version = excluded.version, kept = excluded.kept, applied = false,
               gone_at = null, tried_at = null
           where reference.version < excluded.version
             and (reference.gone_at is null or reference.gone_at < %s)""",
        [kind, thing.id, thing.version, dump(thing.model_dump(mode="json")), thing.changed_at],
    )
    return bool(cursor.rowcount)


def forget(cursor: Any, kind: str, thing_id: int, gone_at: datetime) -> None:
    """A tombstone was sent at this time: nothing of what was kept is to be applied any more."""
    cursor.execute(
        """insert into ledger_reference (kind, thing_id, version, kept, applied, gone_at)
           values (%s, %s, 0, '{}', true, %s)
           on conflict (kind, thing_id) do update
           set kept = '{}', applied = true, gone_at = excluded.gone_at, tried_at = null""",
        [kind, thing_id, gone_at],
    )


def unapplied(kind: str) -> list[Any]:
    """What can be applied now: what it names is known, and it was not put off a moment ago."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select kept::text from ledger_reference r
               where kind = %(kind)s and not applied
                 and (tried_at is null or tried_at < now() - make_interval(secs => %(again)s))
                 and case kind
                   when 'machine' then (kept ->> 'deleted')::boolean or exists (
                       select from models_user where id = (kept ->> 'machine_owner_user')::bigint)
                   when 'work' then exists (
                       select from models_machine where id = (kept ->> 'machine')::bigint)
                   else true end
               order by tried_at nulls first, thing_id limit %(limit)s""",
            {"kind": kind, "limit": _BATCH, "again": _AGAIN_SECONDS},
        )
        return [_MODELS[kind].model_validate_json(row[0]) for row in cursor.fetchall()]


def note_applied(cursor: Any, kind: str, thing: ReferenceData) -> bool:
    """It is in the tables, unless a later version or a tombstone has come meanwhile."""
    cursor.execute(
        """update ledger_reference set applied = true
           where kind = %s and thing_id = %s and version = %s and not applied""",
        [kind, thing.id, thing.version],
    )
    return bool(cursor.rowcount)


def put_off(kind: str, thing: ReferenceData) -> None:
    """It cannot be applied now, and the others go first next time."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update ledger_reference set tried_at = now()
               where kind = %s and thing_id = %s and version = %s""",
            [kind, thing.id, thing.version],
        )
