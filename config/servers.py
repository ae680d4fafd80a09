"""Checks of the database at the start of a process.

# Note [Waited for, or refused]
A database that is away may come back, so the web server and the workers wait for it. What only a person
can change (a wrong password, an old version, a pooler in transaction mode) is refused, in one line, before
anything is started.
"""

from typing import Any, Final, NamedTuple

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812 - it is a class

from config.environment import Environment
from config.setting_values import database

POSTGRES_MIN: Final = 15
"""The oldest major version of PostgreSQL that is supported."""

# libpq gives no code for a refused connection. Any other message is taken for a failure that may pass.
_FINAL: Final = (
    "authentication failed",
    "does not exist",
    "no pg_hba.conf entry",
    "no password supplied",
    "not permitted to log in",
    "permission denied",
    "does not support SSL",
    "certificate verify failed",
)


class Finding(NamedTuple):
    """A line about the database, and whether waiting may help."""

    line: str
    may_pass: bool


def check_databases(environment: Environment, *, owner: bool, sessions: bool) -> list[Finding]:
    """Connect to the database and return why it cannot be used; an empty list if it can.

    `owner` also checks the owner's URL, if there is one. `sessions` also checks that sessions are not pooled
    by transaction.
    """
    urls = {"DATABASE_URL": environment.database_url}
    if owner and environment.database_owner_url is not None:
        urls["DATABASE_OWNER_URL"] = environment.database_owner_url
    return [
        finding
        for name, url in urls.items()
        for finding in _check(name, database(url.get_secret_value()), sessions=sessions)
    ]


def _check(name: str, entry: dict[str, Any], *, sessions: bool) -> list[Finding]:
    where = f"{entry['HOST'] or 'the local socket'}:{entry['PORT'] or 5432}"
    try:
        first = _connect(entry)
    except psycopg2.OperationalError as error:
        reason = str(error).strip().partition("\n")[0]
        if any(words in reason for words in _FINAL):
            return [Finding(f"{name} must name a database that lets its user in: {reason}", may_pass=False)]
        return [
            Finding(
                f"{name} must name a database that answers, and {where} does not: {reason}", may_pass=True
            )
        ]
    try:
        # For example 150018 is 15.18.
        version = divmod(first.info.server_version, 10_000)
        if version[0] < POSTGRES_MIN:
            found = f"PostgreSQL {version[0]}.{version[1]}"
            return [
                Finding(
                    f"{name} must name PostgreSQL {POSTGRES_MIN} or newer, and {where} is {found}",
                    may_pass=False,
                )
            ]
        if sessions and not _keeps_its_server(first, entry):
            return [
                Finding(
                    f"{name} must name PostgreSQL or a pooler of whole sessions, and {where} is a pooler in "
                    "transaction mode, where prepared statements are lost: set pool_mode = session",
                    may_pass=False,
                )
            ]
    except psycopg2.OperationalError as error:
        reason = str(error).strip().partition("\n")[0]
        return [Finding(f"{name}: {where} ended the connection: {reason}", may_pass=True)]
    finally:
        first.close()
    return []


def _keeps_its_server(first: Connection, entry: dict[str, Any]) -> bool:
    """Return whether a session stays with one process of PostgreSQL, which no other open session has.

    A pooler in transaction mode gives two sessions that are between transactions the same process, or, if it
    takes turns, the first session another one the next time.
    """
    seen = [_process(first), _process(first)]
    second = _connect(entry)
    try:
        other = _process(second)
    finally:
        second.close()
    return {*seen, _process(first)} == {seen[0]} and other != seen[0]


def _process(session: Connection) -> int:
    with session.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (found,) = cursor.fetchone() or (0,)
    return int(found)


def _connect(entry: dict[str, Any]) -> Connection:
    given = {
        "dbname": entry["NAME"],
        "user": entry["USER"],
        "password": entry["PASSWORD"],
        "host": entry["HOST"],
        "port": entry["PORT"],
    }
    session: Connection = psycopg2.connect(
        **{name: value for name, value in given.items() if value}, **entry["OPTIONS"]
    )
    session.autocommit = True
    return session
