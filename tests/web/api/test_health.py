"""Health checks: alive, and ready to take operations."""

import os
import shutil
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from stack.postgres_binaries import server_account
from web.api import health


@pytest.fixture(autouse=True)
def _nothing_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_is_migrated", False)
    monkeypatch.setattr(health, "_writes", health._Writes())


def test_a_process_is_alive_without_its_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """It makes no query (this test has no database)."""
    response = Client().get("/livez")
    assert (response.status_code, response.json()) == (
        200,
        {"status": "ok", "version": settings.LEDGER_VERSION},
    )


def test_a_migrated_database_is_ready(db: None) -> None:
    """Each check says ok."""
    response = Client().get("/readyz")
    assert response.status_code == 200
    checks = {"database": "ok", "migrations": "ok", "writes": "ok"}
    assert response.json() == {"status": "ok", "checks": checks}
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


def test_a_read_only_database_is_not_ready(db: None) -> None:
    """It answers every query, but can record nothing."""
    with connection.cursor() as cursor:
        cursor.execute("set transaction read only")
    response = Client().get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["writes"] == "refused: ReadOnlySqlTransaction"


@pytest.mark.django_db(transaction=True)
def test_a_database_that_cannot_extend_a_file_is_not_ready() -> None:
    """As with a full disk. The directory of the table space is removed, so its files cannot be written."""
    directory = Path(tempfile.mkdtemp(prefix="ledger-tablespace-"))
    account = server_account()
    if account is not None:
        os.chown(directory, account.uid, account.gid)
    with connection.cursor() as cursor:
        cursor.execute(f"create tablespace broken location '{directory}'")
        try:
            shutil.rmtree(directory)
            cursor.execute("set temp_tablespaces = broken")
            response = Client().get("/readyz")
        finally:
            cursor.execute("reset temp_tablespaces")
            cursor.execute("drop tablespace broken")
    assert response.status_code == 503
    assert response.json()["checks"]["writes"] == "refused: UndefinedFile"


def test_the_probe_of_a_write_is_rare(db: None, django_assert_num_queries: Any) -> None:
    """Between two probes a check is one query."""
    Client().get("/readyz")
    with django_assert_num_queries(1):
        assert Client().get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
def test_health_checks_accept_no_post(path: str) -> None:
    assert Client().post(path).status_code == 405
