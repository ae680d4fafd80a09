"""Stores published tariffs: the base tariff's versions, and the overrides of users and teams."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from events.arrays import numbers
from events.message import StoredEvent
from events.store import dump
from ledger.domain.tariff import Override, Tariff

_Version: TypeAlias = tuple[int, datetime]

# A published version never changes, so each process reads it once.
_tariffs: Final[dict[_Version, Tariff]] = {}
_overrides: Final[dict[_Version, Override]] = {}


PUBLISHED: Final = """
    (select json_agg(json_build_array(version, published_at) order by effective_from, version)::text
     from ledger_tariff where user_id is null and team_id is null),
    exists (select from ledger_tariff where user_id is not null),
    exists (select from ledger_tariff where team_id is not null)"""
"""The columns of a select that fill a `Published`."""


class Published(NamedTuple):
    """The versions of the base tariff as JSON, and flags that say if any user or team has an override."""

    versions: str | None
    of_users: bool
    of_teams: bool


def read_tariffs(cursor: Any) -> list[Tariff]:
    """Return every version of the base tariff, in the order in which they take effect."""
    cursor.execute(f"select {PUBLISHED}")  # (fixed columns)
    return tariffs_of(cursor, Published(*cursor.fetchone()))


def tariffs_of(cursor: Any, published: Published) -> list[Tariff]:
    """Return every version of the base tariff, in the order in which they take effect."""
    versions = [
        (version, datetime.fromisoformat(published_at))
        for version, published_at in json.loads(published.versions or "[]")
    ]
    if any(version not in _tariffs for version in versions):
        _read_terms(cursor)
    return [_tariffs[version] for version in versions]


def read_overrides(cursor: Any, published: Published, users: Sequence[int]) -> dict[int, list[Override]]:
    """Return the overrides of the users and of their teams, in the order in which they take effect, by user.

    Users without any are left out. If there are no overrides at all, nothing is read.
    """
    found: dict[int, list[Override]] = {}
    if users and (published.of_users or published.of_teams):
        cursor.execute(_OVERRIDES_OF_TEAMS if published.of_teams else _OVERRIDES, {"users": numbers(users)})
        rows = cursor.fetchall()
        if any((version, published_at) not in _overrides for _, version, published_at in rows):
            _read_terms(cursor)
        for user, *version in rows:
            found.setdefault(user, []).append(_overrides[tuple(version)])
    return found


def latest_version(cursor: Any) -> int:
    """Return the highest published version. It cannot change under the lock on periods and tariffs."""
    cursor.execute("select coalesce(max(version), 0) from ledger_tariff")
    return int(cursor.fetchone()[0])


def write(cursor: Any, events: Sequence[StoredEvent]) -> None:
    """Store the versions that the events publish."""
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
