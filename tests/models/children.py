"""Processes of their own, on the database of these tests."""

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

from django.db import connection

import models

ROOT = Path(models.__file__).resolve().parent.parent

START = "import django; django.setup()\n"


def start(code: str, **environment: str) -> "subprocess.Popen[str]":
    """A process that runs the code in the service, on the tests' database."""
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", START + code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **_database(), **environment},
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: "subprocess.Popen[str]", *, seconds: float = 60) -> tuple[str, str]:
    """What the process printed; it must end well."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == 0, err
    return out.strip(), err.strip()


def _database() -> dict[str, str]:
    at = connection.settings_dict
    host, place = (f"{at['HOST']}:{at['PORT']}", "") if at["HOST"][:1] != "/" else ("", f"?host={at['HOST']}")
    address = f"postgresql://{quote(at['USER'])}:{quote(at['PASSWORD'])}@{host}/{quote(at['NAME'])}{place}"
    return {
        "DATABASE_URL": address,
        "DATABASE_OWNER_URL": address,
        "DJANGO_SETTINGS_MODULE": "config.settings",
    }
