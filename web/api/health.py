"""Health checks: is this process alive, and is it ready to take operations?

# Note [Probe of a write]
A database whose disk is full, or that became read-only, still answers every query. So every few seconds the
check writes as much as an operation would need: a new page of a file (of a temporary table, which is emptied
at commit), permission to change a table of the log, and a commit that waits for the disk.
"""

from collections.abc import Mapping
from time import monotonic
from typing import Final

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from web.api.rendering import json_response

_OK: Final = "ok"
_PROBE_SECONDS: Final = 5
_PROBE: Final = (
    "set local statement_timeout = '1s'",
    "create temporary table if not exists ledger_probe (number integer) on commit delete rows",
    "insert into ledger_probe values (1)",
    "update events_settled set position = position where false",
    "select pg_logical_emit_message(true, 'readyz', '')",
)


@require_safe
def livez(_: HttpRequest) -> HttpResponse:
    """Return 200 as long as the process answers at all."""
    return json_response({"status": _OK, "version": settings.LEDGER_VERSION})


@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    """Return 200 if the database answers, is migrated and can be written to, else 503.

    `checks` says what is wrong.
    """
    checks = {"database": _check_database()}
    if checks["database"] == _OK:
        checks["migrations"] = _check_migrations()
    if checks.get("migrations") == _OK:
        checks["writes"] = _writes.check()
    return readiness(checks)


def readiness(checks: Mapping[str, str]) -> HttpResponse:
    """Return 200 if all checks are ok, else 503."""
    ready = all(state == _OK for state in checks.values())
    return json_response({"status": _OK if ready else "not ready", "checks": checks}, 200 if ready else 503)


def _check_database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error as error:
        return f"does not answer: {type(error).__name__}"
    return _OK


class _Writes:
    """The result of the last probe, which is repeated after a few seconds. See Note [Probe of a write]."""

    def __init__(self) -> None:
        self._state = ""
        self._until = 0.0

    def check(self) -> str:
        if monotonic() >= self._until:
            self._state = _probe_write()
            self._until = monotonic() + _PROBE_SECONDS
        return self._state


_writes = _Writes()


def _probe_write() -> str:
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            for statement in _PROBE:
                cursor.execute(statement)
    except Error as error:
        cause = error.__cause__ or error
        return f"refused: {type(cause).__name__}"
    return _OK


_is_migrated = False


def _check_migrations() -> str:
    # Applied migrations stay applied, and reading all of them from disk is slow: a success is remembered.
    global _is_migrated  # noqa: PLW0603
    if not _is_migrated:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
            return f"not applied: {names}"
        _is_migrated = True
    return _OK
