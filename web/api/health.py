"""Whether this process lives, and whether it can take operations."""

from typing import Final

from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from web.api.rendering import json_response

_OK: Final = "ok"


@require_safe
def livez(_: HttpRequest) -> HttpResponse:
    """200 as long as the process answers at all."""
    return json_response({"status": _OK})


@require_safe
def readyz(_: HttpRequest) -> HttpResponse:
    """200 where the database answers and is migrated, else 503; `checks` names what is wrong."""
    checks = {"database": _database()}
    if checks["database"] == _OK:
        checks["migrations"] = _migrations()
    ready = all(state == _OK for state in checks.values())
    return json_response({"status": _OK if ready else "not ready", "checks": checks}, 200 if ready else 503)


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error as error:
        return f"does not answer: {type(error).__name__}"
    return _OK


_up_to_date = False


def _migrations() -> str:
    # Applied migrations stay applied, and reading them all from disk takes a while: asked until yes.
    global _up_to_date  # noqa: PLW0603
    if not _up_to_date:
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
        if missing:
            names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _ in missing)
            return f"not applied: {names}"
        _up_to_date = True
    return _OK
