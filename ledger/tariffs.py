"""Published tariffs in the database: everybody's, and the terms of single users and teams."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from events.arrays import numbers
from events.message import StoredEvent
from events.store import dump
from ledger.domain.tariff import Override, Tariff

_Published: TypeAlias = tuple[int, datetime]

# A published version never changes, so it is read once.
_tariffs: Final[dict[_Published, Tariff]] = {}
_overrides: Final[dict[_Published, Override]] = {}


def read_tariffs(cursor: Any) -> list[Tariff]:
    """Every tariff for everybody, in the order they take effect."""
    return _read(cursor)[0]


def read_tariffs_of(cursor: Any, users: Sequence[int]) -> tuple[list[Tariff], dict[int, list[Override]]]:
    """Every tariff for everybody, and of those of the users who have any, their own and their teams' terms.

    Where there are no such terms at all, nothing more is asked.
    """
    tariffs, of_users, of_teams = _read(cursor)
    found: dict[int, list[Override]] = {}
    if users and (of_users or of_teams):
        cursor.execute(_OVERRIDES_OF_TEAMS if of_teams else _OVERRIDES, {"users": numbers(users)})
        rows = cursor.fetchall()
        if any((version, published_at) not in _overrides for _, version, published_at in rows):
            _read_terms(cursor)
        for user, *published in rows:
            found.setdefault(user, []).append(_overrides[tuple(published)])
    return tariffs, found


def latest_version(cursor: Any) -> int:
    """The highest version that was published. Under the lock of the books nobody publishes another."""
    cursor.execute("select coalesce(max(version), 0) from ledger_tariff")
    return int(cursor.fetchone()[0])


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Write the versions that the events publish."""
    for event in events:
        if event.type == "tariff.published":
            data = event.data
            cursor.execute(
                """insert into ledger_tariff
                       (version, effective_from, published_at, terms, user_id, team_id)
                   values (%s, %s, %s, %s, %s, %s)""",
                [
                    data["version"],
                    data["effective_from"],
                    event.recorded_at,
                    dump(data["terms"]),
                    data.get("user"),
                    data.get("team"),
                ],
            )


_OF_USERS: Final = """
    select t.user_id as id, t.version, t.published_at, t.effective_from
    from ledger_tariff t where t.user_id = any(%(users)s::bigint[])"""
_OVERRIDES: Final = f"select id, version, published_at from ({_OF_USERS}) o order by effective_from, version"  # noqa: S608
_OVERRIDES_OF_TEAMS: Final = f"""
    select id, version, published_at from (
        {_OF_USERS}
        union all
        select member.user_id, t.version, t.published_at, t.effective_from
        from ledger_tariff t
        join (select team_id, user_id from models_team_users where user_id = any(%(users)s::bigint[])
              union
              select id, admin_user_id from models_team where admin_user_id = any(%(users)s::bigint[])) member
          on member.team_id = t.team_id) o
    order by effective_from, version"""  # noqa: S608


def _read(cursor: Any) -> tuple[list[Tariff], bool, bool]:
    """Everybody's tariffs, and whether any user and any team has terms of its own."""
    cursor.execute(
        """select version, published_at,
                  exists (select from ledger_tariff where user_id is not null),
                  exists (select from ledger_tariff where team_id is not null)
           from ledger_tariff where user_id is null and team_id is null
           order by effective_from, version"""
    )
    rows = cursor.fetchall()
    versions = [(version, published_at) for version, published_at, *_ in rows]
    if any(version not in _tariffs for version in versions):
        _read_terms(cursor)
    of_users, of_teams = rows[0][2:] if rows else (False, False)
    return [_tariffs[version] for version in versions], of_users, of_teams


def _read_terms(cursor: Any) -> None:
    cursor.execute(
        "select version, published_at, effective_from, terms::text, user_id, team_id from ledger_tariff"
    )
    for version, published_at, effective_from, terms, user, team in cursor.fetchall():
        if user is None and team is None:
            _tariffs[version, published_at] = Tariff.from_terms(version, effective_from, json.loads(terms))
        else:
            _overrides[version, published_at] = Override(
                version=version,
                effective_from=effective_from,
                user=user,
                team=team,
                terms=json.loads(terms),
            )
