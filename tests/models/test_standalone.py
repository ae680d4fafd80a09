"""The tables alone, on SQLite with `models.settings` and without the service."""

import os
import subprocess
import sys
from pathlib import Path

import models

ROOT = Path(models.__file__).resolve().parent.parent
FOLDER = Path(__file__).resolve().parent


def test_the_tests_of_this_folder_pass_on_the_tables_alone() -> None:
    """They run again, on SQLite and with a small ledger behind the port."""
    # Without the service's environment, so that nothing of the service can be used.
    environment = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG"}}
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:randomly"),
            *("-o", "addopts=", "--ds=tests.models.standalone_settings", str(FOLDER)),
        ],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed" in done.stdout


def test_the_document_settings_work_on_sqlite(tmp_path: Path) -> None:
    """Migrations run, other tables can be written, all can be read, and posting names the missing setting."""
    package = tmp_path / "models"
    package.symlink_to(ROOT / "models", target_is_directory=True)
    (tmp_path / "here.py").write_text(
        f"from models.settings import *\nDATABASES['default']['NAME'] = {str(tmp_path / 'db.sqlite3')!r}\n"
    )
    code = (
        "from models import User, Team, Machine, Server, Work, Operation, Credit, LedgerNotInstalled\n"
        "from django.core.management import call_command\n"
        "call_command('migrate', verbosity=0)\n"
        "user = User.objects.create_user(email='user@example.com', password='x')\n"
        "team = user.create_team('Data Science Team')\n"
        "machine = Machine.objects.create(machine_name='M', machine_owner_user=user,"
        " machine_owner_team=team)\n"
        "Work.objects.create(machine=machine, is_work_training=True,"
        " is_work_status_wait_for_server_start=True)\n"
        "print(Operation.objects.count(), list(Credit.objects.get_all_by_user(user)))\n"
        "try: Credit.objects.create(user=user, amount=100.00)\n"
        "except LedgerNotInstalled as error: print(error)\n"
        "user.delete(); print(User.objects.count(), Work.objects.count())\n"
        "call_command('migrate', 'models', 'zero', verbosity=0)\n"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={"PATH": "/usr/bin:/bin", "PYTHONPATH": f"{tmp_path}:{ROOT}", "DJANGO_SETTINGS_MODULE": "here"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second, third = done.stdout.strip().splitlines()
    assert (first, third) == ("0 []", "0 0")
    assert "LEDGER_POST" in second
    assert (tmp_path / "db.sqlite3").exists()
