"""A database that only a person can make usable is refused in one line; one that is away is waited for."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from config import servers
from config.environment import Environment
from config.servers import check_databases
from stack.ports import free_port, is_free, wait_until
from stack.state import PROJECT, make_temporary_directory

pytestmark = pytest.mark.integration

URL = os.environ["DATABASE_URL"]


def _environment(url: str, monkeypatch: pytest.MonkeyPatch) -> Environment:
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.delenv("DATABASE_OWNER_URL", raising=False)
    return Environment()


def _found(url: str, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    found = check_databases(_environment(url, monkeypatch), owner=True, sessions=True)
    return [(each.line, each.may_pass) for each in found]


def _run(*arguments: str, **environment: str) -> "subprocess.CompletedProcess[str]":
    kept: Mapping[str, str] = {name: os.environ[name] for name in ("PATH", "LEDGER_SECRET_KEY")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_database_that_can_be_used_is_not_mentioned(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is PostgreSQL, new enough, and a session stays with its server."""
    assert _found(URL, monkeypatch) == []


@pytest.mark.parametrize(
    ("pattern", "replacement", "reason"),
    [
        (r":[^:@/]+@", ":wrong@", 'password authentication failed for user "ledger_owner"'),
        (r"//[^:]+:", "//somebody:", 'password authentication failed for user "somebody"'),
        (r"/ledger$", "/nowhere", 'database "nowhere" does not exist'),
    ],
)
def test_what_a_person_has_to_change_is_refused(
    pattern: str, replacement: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong password, user or database."""
    url = re.sub(pattern, replacement, URL)
    ((line, may_pass),) = _found(url, monkeypatch)
    assert line.startswith("DATABASE_URL must name a database that lets its user in: ")
    assert line.endswith(reason)
    assert not may_pass


@pytest.mark.parametrize(
    "program", [("manage.py", "ingest"), ("manage.py", "verify"), ("-m", "gunicorn", "config.wsgi")]
)
def test_a_wrong_password_ends_every_program_in_one_line(program: tuple[str, ...]) -> None:
    """The workers too, which used to retry it for ever."""
    done = _run(*program, DATABASE_URL=re.sub(r":[^:@/]+@", ":wrong@", URL))
    assert done.returncode == 2, done.stderr
    assert "password authentication failed" in done.stderr
    assert [line for line in done.stderr.splitlines() if "[INFO]" not in line] == done.stderr.splitlines()[
        -1:
    ]


def test_a_command_ends_in_one_line_if_the_database_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker would wait for it."""
    away = f"postgresql://a:b@127.0.0.1:{free_port()}/ledger"
    done = _run("manage.py", "verify", DATABASE_URL=away)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert done.stderr.startswith("DATABASE_URL must name a database that answers, and 127.0.0.1:")
    assert [may_pass for _, may_pass in _found(away, monkeypatch)] == [True]


def test_an_older_postgresql_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """As seen from a ledger that needs a newer one than there is."""
    monkeypatch.setattr(servers, "POSTGRES_MIN", 99)
    ((line, may_pass),) = _found(URL, monkeypatch)
    assert re.fullmatch(r"DATABASE_URL must name PostgreSQL 99 or newer, and .* is PostgreSQL \d+\.\d+", line)
    assert not may_pass


@pytest.fixture(params=["transaction", "session"])
def pooler(request: Any) -> Iterator[tuple[str, str]]:
    """Start PgBouncer in front of the tests' server; return its mode and the URL through it."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        pytest.skip("PgBouncer is not installed")
    found = re.fullmatch(r"postgresql://([^:]+):([^@]+)@([^:]+):(\d+)/(\w+)", URL)
    assert found is not None
    user, password, host, port, name = found.groups()
    directory, listens = make_temporary_directory(), free_port()
    (directory / "users").write_text(f'"{user}" "{password}"\n')
    (directory / "ini").write_text(
        f"""[databases]
{name} = host={host} port={port} dbname={name} user={user} password={password}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listens}
unix_socket_dir =
auth_type = plain
auth_file = {directory / "users"}
pool_mode = {request.param}
"""
    )
    for path in (directory, *directory.iterdir()):
        path.chmod(0o755 if path.is_dir() else 0o644)
    as_other = ["-u", "nobody"] if os.geteuid() == 0 else []
    process = subprocess.Popen([program, "-q", *as_other, directory / "ini"], stderr=subprocess.DEVNULL)
    try:
        assert wait_until(lambda: not is_free(listens), seconds=30, alive=lambda: process.poll() is None)
        yield request.param, f"postgresql://{user}:{password}@127.0.0.1:{listens}/{name}"
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(directory)


def test_a_pooler_in_transaction_mode_is_refused(
    pooler: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prepared statements are lost between transactions there; a pooler of sessions works."""
    mode, url = pooler
    found = _found(url, monkeypatch)
    if mode == "session":
        assert found == []
    else:
        ((line, may_pass),) = found
        assert "is a pooler in transaction mode, where prepared statements are lost" in line
        assert not may_pass
        assert _run("manage.py", "project", DATABASE_URL=url).stderr.count("\n") == 1
