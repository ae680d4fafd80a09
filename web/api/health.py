"""Health checks: is this process alive, and is it ready to take operations?"""

from collections.abc import Mapping
from typing import Final

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from web.api.rendering import json_response

_OK: Final = "ok"


@require_safe
def livez(_: HttpRequest) -> HttpResponse:
    """Return 200 as long as the process answers at all."""
    return json_response({"status": _OK})


@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    """Return 200 if the database answers and is migrated, else 503; `checks` says what is wrong."""
    checks = {"database": _check_database()}
    if checks["database"] == _OK:
        checks["migrations"] = _check_migrations()
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
