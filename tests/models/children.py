"""Child processes that use the database of these tests."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg2
from django.db import connection
from psycopg2.extensions import ISOLATION_LEVEL_AUTOCOMMIT
from psycopg2.sql import SQL, Identifier

import models

ROOT = Path(models.__file__).resolve().parent.parent

START = "import django; django.setup()\n"


def start(code: str, *, database: str | None = None, **environment: str) -> "subprocess.Popen[str]":
    """Start a process that runs the code in the service, on the tests' database or another on its server."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", START + code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **_address(database), **environment},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", *, seconds: float = 60) -> tuple[str, str]:
    """Return the output of the process, which must succeed."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out.strip(), err.strip()


@contextmanager
def empty_database(name: str) -> Iterator[str]:
    """Create a database without any tables on the tests' server."""
    server = psycopg2.connect(**connection.get_connection_params() | {"cursor_factory": None})
    server.set_isolation_level(ISOLATION_LEVEL_AUTOCOMMIT)
    with server.cursor() as cursor:
        cursor.execute(SQL("create database {}").format(Identifier(name)))
        try:
            yield name
        finally:
            cursor.execute(SQL("drop database {} with (force)").format(Identifier(name)))
    server.close()


def _address(database: str | None) -> dict[str, str]:
    at = connection.settings_dict
    host, place = (f"{at['HOST']}:{at['PORT']}", "") if at["HOST"][:1] != "/" else ("", f"?host={at['HOST']}")
    name = quote(database or at["NAME"])
    url = f"postgresql://{quote(at['USER'])}:{quote(at['PASSWORD'])}@{host}/{name}{place}"
    return {"DATABASE_URL": url, "DATABASE_OWNER_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
