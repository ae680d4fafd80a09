"""Reads the published versions of the base tariff, and of the overrides of users and teams."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

_LIMIT = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class TariffVersion:
    """A published version: an override if it has a `user` or `team`, else one of the base tariff."""

    version: int
    effective_from: datetime
    published_at: datetime
    user: int | None
    team: int | None
    terms: Mapping[str, Any]


def base_versions() -> list[TariffVersion]:
    """Return the versions of the base tariff, the latest first, at most 500."""
    return _read("user_id is null and team_id is null")


def overrides(*, user: int | None = None, team: int | None = None) -> list[TariffVersion]:
    """Return the overrides of all users and teams, or of one, the latest first, at most 500."""
    return _read(
        """(user_id is not null or team_id is not null)
           and (%(user)s::bigint is null or user_id = %(user)s)
           and (%(team)s::bigint is null or team_id = %(team)s)""",
        user=user,
        team=team,
    )


def find(version: int) -> TariffVersion | None:
    """Return the version with this number, if there is one."""
    return next(iter(_read("version = %(version)s", version=version)), None)


def _read(condition: str, **parameters: Any) -> list[TariffVersion]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"""select version, effective_from, published_at, user_id, team_id, terms::text
                from ledger_tariff where {condition} order by version desc limit %(limit)s""",  # noqa: S608
            {**parameters, "limit": _LIMIT},
        )
        return [
            TariffVersion(
                version=version,
                effective_from=effective_from,
                published_at=published_at,
                user=user,
                team=team,
                terms=json.loads(terms),
            )
            for version, effective_from, published_at, user, team, terms in cursor.fetchall()
        ]
