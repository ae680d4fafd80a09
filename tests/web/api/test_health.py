"""Health checks: alive, and ready to take operations."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.db import OperationalError
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from web.api import health


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)


def test_a_process_is_alive_without_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no query (this test has no database)."""
    response = Client().get("/livez")
    assert (response.status_code, response.json()) == (200, {"status": "ok"})


def test_a_migrated_database_is_ready(db: None) -> None:
    """Each check says ok."""
    response = Client().get("/readyz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "checks": {"database": "ok", "migrations": "ok"}}
    assert Client().head("/readyz").status_code == 200


def test_a_missing_migration_is_named(db: None) -> None:
    """503 with the name of the migration to apply."""
    newest = MigrationRecorder.Migration.objects.filter(app="ledger").latest("id")
    newest.delete()
    response = Client().get("/readyz")
    assert response.status_code == 503
    checks = response.json()["checks"]
    assert checks["database"] == "ok"
    assert checks["migrations"] == f"not applied: ledger.{newest.name}"


def test_a_database_that_does_not_answer_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """503, without the address or the password."""

    def fail(*_: Any) -> Any:
        raise OperationalError("connection to server at 10.0.0.1 failed: password x")

    monkeypatch.setattr(health, "connection", SimpleNamespace(cursor=fail))
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"] == {"database": "does not answer: OperationalError"}


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_checks_accept_no_post(path: str) -> None:
    assert Client().post(path).status_code == 405
