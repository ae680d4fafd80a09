"""Runs PostgreSQL 18 from a wheel, as a child process with its data in the state directory."""

import errno
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack.errors import StackError
from stack.pids import command_line, signal_process
from stack.ports import LOOPBACK, choose_port, free_port, wait_until
from stack.postgres_binaries import find_binaries, server_account
from stack.processes import Child
from stack.state import Secrets

# Note [Two roles]
# The owner creates the tables and their triggers; the service may not, so that no bug in it can disable
# the protection of the log. The owner is the only superuser of the embedded server: the server has no other
# use, and tests need rights that PostgreSQL gives only to superusers (to create test databases, and to
# empty append-only tables between tests with session_replication_role).
OWNER = "ledger_owner"
SERVICE = "ledger_service"
DATABASE = "ledger"

DEFAULT_PORT = 54320
_MAJOR = "18"
_START_SECONDS = 120
_STOP_SECONDS = 30
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}

# For tests: a crash of the machine may lose data, a crash of the server does not.
_NOT_DURABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
_SETTINGS = {
    "listen_addresses": LOOPBACK,
    # TCP only: the path of a socket is limited to 107 bytes, and that of the state directory may be long.
    "unix_socket_directories": "",
    "max_connections": "200",
    "max_wal_size": "2GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m %d ",
    # All statements are short, so compiling one takes longer than running it.
    "jit": "off",
}


class Postgres:
    """A server. The first `start` creates its data."""

    def __init__(
        self,
        directory: Path,
        secrets: Secrets,
        *,
        port: int | None = None,
        default_port: int = DEFAULT_PORT,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._directory = directory
        self._secrets = secrets
        self._wanted_port = port
        self._default_port = default_port
        self._durable = durable
        self._settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}
        self._data = directory / "postgres" / "data"
        self._account = server_account()
        self._binaries = find_binaries(directory, self._account)
        self._child: Child | None = None
        self.port = 0

    @property
    def owner_url(self) -> str:
        return self.url(OWNER)

    @property
    def service_url(self) -> str:
        return self.url(SERVICE)

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def url(self, role: str, database: str = DATABASE) -> str:
        password = self._secrets.owner_password if role == OWNER else self._secrets.service_password
        return f"postgresql://{role}:{quote(password, safe='')}@{LOOPBACK}:{self.port}/{database}"

    def start(self) -> "Postgres":
        """Start the server and wait until it accepts connections. Raises `StackError`."""
        self._check_data()
        if not self._data.exists():
            self._initdb()
        stop_orphan(self._data)
        # A restarted server keeps its port, because clients keep its address.
        if not self.port:
            self.port = choose_port(
                wanted=self._wanted_port, default=self._default_port, setting="LEDGER_POSTGRES_PORT"
            )
        for _ in range(3):
            self._child = self._new_child().start()
            if wait_until(self._accepts_connections, seconds=_START_SECONDS, alive=lambda: self.running):
                self._ensure_roles()
                return self
            output = self._child.tail(20)
            self._child.stop()
            if "shared memory block" in output:
                # The processes of a killed server end a moment later.
                time.sleep(1)
            elif "Address already in use" in output and self._wanted_port is None:
                # Another program took the port after it was chosen.
                self.port = free_port()
            else:
                break
        assert self._child is not None
        raise StackError(f"PostgreSQL does not start; see the end of {self._child.log}.")

    def stop(self) -> None:
        """End every connection and stop the server. Committed data stays."""
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        """End the server like a crash. The next start recovers the committed data."""
        if self._child is not None:
            self._child.kill()

    def sql(self, statement: str, *, role: str = OWNER, database: str = DATABASE) -> str:
        """Run SQL and return the unaligned output of psql. Raises `StackError` with its message."""
        done = self._psql(statement, role=role, database=database)
        if done.returncode != 0:
            raise StackError(f"PostgreSQL refused a statement: {done.stderr.strip()}")
        return done.stdout.strip()

    def tail(self, lines: int) -> str:
        """Return the last lines of its log."""
        return "" if self._child is None else self._child.tail(lines)

    def _new_child(self) -> Child:
        settings = [f"--{name}={value}" for name, value in {**self._settings, "port": str(self.port)}.items()]
        return Child(
            "postgres",
            [self._binaries / "postgres", "-D", self._data, *settings],
            directory=self._directory,
            environment=_ENVIRONMENT,
            cwd=Path("/"),
            account=self._account,
            stop_signal=signal.SIGINT,  # "fast": does not wait for clients to disconnect
            stop_seconds=_STOP_SECONDS,
        )

    def _check_data(self) -> None:
        try:
            if not self._data.exists():
                return
            version = (self._data / "PG_VERSION").read_text(encoding="ascii").strip()
        except OSError as error:
            reason = "is not a database directory" if error.errno == errno.ENOENT else error.strerror
            raise StackError(
                f"{self._data} {reason}; move it away, or choose another directory with LEDGER_STATE_DIR.",
            ) from error
        if version != _MAJOR:
            raise StackError(
                f"{self._data} was created by PostgreSQL {version}, and this is version {_MAJOR}; "
                "dump it with the older version, or choose another state directory with LEDGER_STATE_DIR.",
            )

    def _initdb(self) -> None:
        """Create the data under a temporary name first, so that it is complete or missing."""
        home = self._data.parent
        home.mkdir(mode=0o700, exist_ok=True)
        new, password = home / "data.new", home / "password"
        shutil.rmtree(new, ignore_errors=True)
        password.unlink(missing_ok=True)
        with os.fdopen(os.open(password, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(self._secrets.owner_password)
        account: dict[str, Any] = {}
        if self._account is not None:
            account = {"user": self._account.uid, "group": self._account.gid, "extra_groups": []}
            for path in (home, password):
                os.chown(path, self._account.uid, self._account.gid)
        arguments: list[str | Path] = [
            "-D",
            new,
            "-U",
            OWNER,
            f"--pwfile={password}",
            "--encoding=UTF8",
            "--locale=C",
        ]
        arguments += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        arguments += ["--auth-local=scram-sha-256", "--auth-host=scram-sha-256"]
        arguments += [] if self._durable else ["--no-sync"]
        done = subprocess.run(
            [self._binaries / "initdb", *arguments],
            env=_ENVIRONMENT,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **account,
        )
        password.unlink()
        if done.returncode != 0:
            shutil.rmtree(new, ignore_errors=True)
            reason = (done.stderr.strip() or done.stdout.strip()).splitlines()[0]
            raise StackError(f"PostgreSQL could not create its data in {home}: {reason}")
        new.replace(self._data)

    def _accepts_connections(self) -> bool:
        return self._psql("select 1", role=OWNER, database="postgres").returncode == 0

    def _ensure_roles(self) -> None:
        """Create the service's role and the database if they are missing, and set the password."""
        self.sql(
            f"""
            select 'create role {SERVICE} login'
             where not exists (select from pg_roles where rolname = '{SERVICE}') \\gexec
            alter role {SERVICE} password '{self._secrets.service_password}';
            select 'create database {DATABASE} owner {OWNER}'
             where not exists (select from pg_database where datname = '{DATABASE}') \\gexec
            """,  # noqa: S608 (names and a password that are generated here)
            database="postgres",
        )

    def _psql(self, statement: str, *, role: str, database: str) -> "subprocess.CompletedProcess[str]":
        # The password is passed in the environment, because every user can read a process's arguments.
        password = self._secrets.owner_password if role == OWNER else self._secrets.service_password
        connection = {"PGHOST": LOOPBACK, "PGPORT": str(self.port), "PGUSER": role, "PGDATABASE": database}
        return subprocess.run(
            [self._binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"],
            input=statement,
            env={**_ENVIRONMENT, **connection, "PGPASSWORD": password, "PGCONNECT_TIMEOUT": "5"},
            cwd="/",
            capture_output=True,
            text=True,
            check=False,
        )


def stop_orphan(data: Path) -> bool:
    """Stop a server that still runs on this data without a supervisor; return False if there is none."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").splitlines()[0])
    except (OSError, ValueError, IndexError):
        return False
    if not _is_server_of(pid, data):
        return False
    # "fast" first, then "immediate", which leaves recovery to the next start.
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGKILL):
        if not signal_process(pid, number) or wait_until(
            lambda: not _is_server_of(pid, data), seconds=_STOP_SECONDS
        ):
            return True
    raise StackError(f"a PostgreSQL server (process {pid}) still holds {data} and does not stop.")


def _is_server_of(pid: int, data: Path) -> bool:
    command = command_line(pid)
    return "postgres" in command and str(data) in command
