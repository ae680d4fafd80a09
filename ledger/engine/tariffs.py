"""Published tariffs in the database: everybody's, and the terms of single users and teams."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeAlias

from events.arrays import numbers
from events.message import StoredEvent
from events.store import dump
from ledger.domain.tariff import Override, Tariff

_Published: TypeAlias = tuple[int, datetime]

# A published version never changes, so it is read once.
_tariffs: Final[dict[_Published, Tariff]] = {}
_overrides: Final[dict[_Published, Override]] = {}


PUBLISHED: Final = """
    (select json_agg(json_build_array(version, published_at) order by effective_from, version)::text
     from ledger_tariff where user_id is null and team_id is null),
    exists (select from ledger_tariff where user_id is not null),
    exists (select from ledger_tariff where team_id is not null)"""
"""The columns of a select that `Published` is made of."""


class Published(NamedTuple):
    """Everybody's tariffs in their order, as JSON, and whether any user or team has terms of its own."""

    versions: str | None
    of_users: bool
    of_teams: bool


def read_tariffs(cursor: Any) -> list[Tariff]:
    """Every tariff for everybody, in the order they take effect."""
    cursor.execute(f"select {PUBLISHED}")  # (fixed columns)
    return tariffs_of(cursor, Published(*cursor.fetchone()))


def tariffs_of(cursor: Any, published: Published) -> list[Tariff]:
    """Every tariff for everybody, in the order they take effect."""
    versions = [
        (version, datetime.fromisoformat(published_at))
        for version, published_at in json.loads(published.versions or "[]")
    ]
    if any(version not in _tariffs for version in versions):
        _read_terms(cursor)
    return [_tariffs[version] for version in versions]


def read_overrides(cursor: Any, published: Published, users: Sequence[int]) -> dict[int, list[Override]]:
    """Of those of the users who have any, their own and their teams' terms, in the order they take effect.

    Where there are no such terms at all, nothing is asked.
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
