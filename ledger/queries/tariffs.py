"""The published versions of the tariff, everybody's and those of users and teams."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

_MOST = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A version as it was published. `user` or `team` is whose it is; neither: everybody's."""

    version: int
    effective_from: datetime
    published_at: datetime
    user: int | None
    team: int | None
    terms: Mapping[str, Any]


def base_versions() -> list[Published]:
    """The versions for everybody, the latest first, at most 500."""
    return _read("user_id is null and team_id is null")


def overrides(*, user: int | None = None, team: int | None = None) -> list[Published]:
    """The versions of users and teams, or of one of them, the latest first, at most 500."""
    return _read(
        """(user_id is not null or team_id is not null)
           and (%(user)s::bigint is null or user_id = %(user)s)
           and (%(team)s::bigint is null or team_id = %(team)s)""",
        user=user,
        team=team,
    )


def find(version: int) -> Published | None:
    """One version."""
    return next(iter(_read("version = %(version)s", version=version)), None)


def _read(only: str, **parameters: Any) -> list[Published]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select version, effective_from, published_at, user_id, team_id, terms::text
                from ledger_tariff where {only} order by version desc limit %(most)s""",  # noqa: S608
            {**parameters, "most": _MOST},
        )
        return [
            Published(
                version=row[0],
                effective_from=row[1],
                published_at=row[2],
                user=row[3],
                team=row[4],
                terms=json.loads(row[5]),
            )
            for row in cursor.fetchall()
        ]
