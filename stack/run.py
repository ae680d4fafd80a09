"""The command of `make run`: runs the whole ledger on one machine under one supervisor."""

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from stack.broker import Broker
from stack.errors import StackError
from stack.ports import is_free, wait_until
from stack.postgres import Postgres
from stack.processes import Child, stop_leftovers
from stack.state import (
    PROJECT,
    acquire_lock,
    delete_environment,
    make_directory,
    read_secrets,
    state_directory,
    write_environment,
)
from stack.supervisor import Supervisor
from stack.terminal import Terminal
from stack.workers import DEFAULT_WEB_HOST, DEFAULT_WEB_PORT, manage, programs, worker_environment

_STOP_ORDER = (*programs({}), "kafka", "postgres")
_WEB_SECONDS = 60
# In place of the embedded server, which is started only after the settings were checked.
_ANY_DATABASE = "postgresql://127.0.0.1/ledger"


def run(environ: Mapping[str, str]) -> int:
    """Start everything and return after everything has stopped: 0, or 2 after printing an error."""
    terminal = Terminal()
    supervisor = Supervisor(terminal)
    with supervisor.signals():
        try:
            directory = make_directory(state_directory(environ))
            with acquire_lock(directory):
                try:
                    _start(environ, directory, supervisor, terminal)
                    supervisor.watch()
                finally:
                    supervisor.stop(_STOP_ORDER)
                    delete_environment(directory)
        except StackError as error:
            terminal.write_error(f"ledger: {error}")
            return 2
    terminal.write("stopped; the data stays for the next run")
    return 0


def _start(environ: Mapping[str, str], directory: Path, supervisor: Supervisor, terminal: Terminal) -> None:
    stopped = stop_leftovers(directory, stop_signals={"postgres": signal.SIGINT, "kafka": signal.SIGINT})
    if stopped:
        terminal.write(f"stopped processes of an earlier run: {', '.join(sorted(stopped))}")
    web_port = read_port(environ, "LEDGER_WEB_PORT") or DEFAULT_WEB_PORT
    web_host = environ.get("LEDGER_WEB_HOST") or DEFAULT_WEB_HOST
    ports = {name: read_port(environ, name) for name in ("LEDGER_POSTGRES_PORT", "LEDGER_KAFKA_PORT")}
    # Everything that can be refused is refused before anything starts.
    for (name, port), given in zip(ports.items(), ("DATABASE_URL", "KAFKA_BOOTSTRAP_SERVERS"), strict=True):
        if port is not None and given not in environ and not is_free(port):
            raise StackError(f"port {port} is taken; choose another with {name}, or leave it unset.")
    if not is_free(web_port, web_host):
        raise StackError(
            f"port {web_port} is taken by another program; stop it, or choose another port: "
            f"LEDGER_WEB_PORT={web_port + 1} make run",
        )
    secrets = read_secrets(directory)
    _check_settings({"LEDGER_SECRET_KEY": secrets.secret_key, "DATABASE_URL": _ANY_DATABASE, **environ})
    terminal.write(f"state in {directory}")
    environment = {
        "LEDGER_SECRET_KEY": secrets.secret_key,
        **environ,
        "LEDGER_WEB_HOST": web_host,
        "LEDGER_WEB_PORT": str(web_port),
        "LEDGER_STATE_DIR": str(directory),
        "PYTHONUNBUFFERED": "1",
    }
    if "DATABASE_URL" not in environ:
        postgres = Postgres(directory, secrets, port=ports["LEDGER_POSTGRES_PORT"])
        _start_server("postgres", postgres, supervisor, terminal)
        environment["DATABASE_URL"] = postgres.service_url
        environment["DATABASE_OWNER_URL"] = postgres.owner_url
    if "KAFKA_BOOTSTRAP_SERVERS" not in environ:
        broker = Broker(directory, port=ports["LEDGER_KAFKA_PORT"])
        # A restarted broker is empty, so its topics are created again.
        _start_server(
            "kafka",
            broker,
            supervisor,
            terminal,
            after=lambda: _create_topics(environment, supervisor, terminal),
        )
        environment["KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
    terminal.write("setting up the database")
    if _manage(("setup",), environment, supervisor) not in {0, None}:
        raise StackError("the database could not be set up; the reason is above.")
    _create_topics(environment, supervisor, terminal)
    _start_workers(
        environment,
        directory,
        supervisor,
        terminal,
        embedded_broker="KAFKA_BOOTSTRAP_SERVERS" not in environ,
    )
    if supervisor.stopping.is_set():
        return
    write_environment(directory, _reachable_environment(environment))
    _print_addresses(environment, directory, terminal)


def _check_settings(environment: Mapping[str, str]) -> None:
    """Let the service check its own settings, which this package does not know. Raises `StackError`."""
    done = subprocess.run(
        [sys.executable, "-m", "config.environment"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise StackError("nothing was started:\n" + done.stderr.strip())


def _start_server(
    name: str,
    server: Postgres | Broker,
    supervisor: Supervisor,
    terminal: Terminal,
    after: Callable[[], None] = lambda: None,
) -> None:
    if supervisor.stopping.is_set():
        return
    started_at = time.monotonic()
    terminal.write(f"starting {name}")
    supervisor.start(name, server, after_restart=after)
    terminal.write(f"  {name} answers on 127.0.0.1:{server.port} after {time.monotonic() - started_at:.1f} s")


def _create_topics(environment: Mapping[str, str], supervisor: Supervisor, terminal: Terminal) -> None:
    """Create the topics. The start goes on without a broker, because the ledger works without it."""
    if _manage(("topics",), environment, supervisor) not in {0, None}:
        terminal.write("topics are missing or differ; see above, and `manage.py topics`")


def _manage(arguments: tuple[str, ...], environment: Mapping[str, str], supervisor: Supervisor) -> int | None:
    """Run a command of `manage.py` and return its status, or None if a stop is requested meanwhile.

    It writes only to the terminal, because the secrets that setup shows once must not get into a log.
    """
    if supervisor.stopping.is_set():
        return None
    command = subprocess.Popen(
        manage(*arguments), cwd=PROJECT, env=environment, stdin=subprocess.DEVNULL, start_new_session=True
    )
    while (status := command.poll()) is None:
        if supervisor.stopping.wait(0.05):
            command.terminate()
            command.wait()
            return None
    return status


def _start_workers(
    environment: Mapping[str, str],
    directory: Path,
    supervisor: Supervisor,
    terminal: Terminal,
    *,
    embedded_broker: bool,
) -> None:
    children: dict[str, Child] = {}
    for name, program in programs(environment, embedded_broker=embedded_broker).items():
        if supervisor.stopping.is_set():
            return
        children[name] = Child(
            name,
            program.argv,
            directory=directory,
            environment=worker_environment(environment),
            cwd=PROJECT,
            echo=lambda line, name=name: terminal.echo(name, line),  # type: ignore[misc]
            stop_seconds=program.stop_seconds,
        )
        supervisor.start(name, children[name])
    terminal.write(f"starting {', '.join(children)}")
    port, host = int(environment["LEDGER_WEB_PORT"]), environment["LEDGER_WEB_HOST"]
    is_up = wait_until(
        lambda: not is_free(port, host),
        seconds=_WEB_SECONDS,
        alive=lambda: children["web"].running and not supervisor.stopping.is_set(),
    )
    if not is_up and not supervisor.stopping.is_set():
        raise StackError(f"the web server does not start; see the end of {children['web'].log}.")


def _print_addresses(environment: Mapping[str, str], directory: Path, terminal: Terminal) -> None:
    host = environment["LEDGER_WEB_HOST"]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 (shown, not listened on)
    web = f"http://{shown}:{environment['LEDGER_WEB_PORT']}"
    database = environment["DATABASE_URL"].rpartition("@")[2]
    # Another terminal finds only the default directory by itself.
    elsewhere = directory != state_directory({})
    prefix = f"LEDGER_STATE_DIR={shlex.quote(str(directory))} " if elsewhere else ""
    make = f"{prefix}make"
    for line in (
        "",
        "The ledger is running. Ctrl-C stops all of it; the data stays.",
        f"  admin       {web}/admin/",
        f"  HTTP API    {web}/v1/openapi.json",
        f"  Kafka       {environment['KAFKA_BOOTSTRAP_SERVERS']}",
        f"  PostgreSQL  {database}",
        f"  state       {directory}",
        f"  logs        {directory / 'logs'}",
        f"  process     {os.getpid()}   (`{make} stop` stops it, `{make} status`, `{make} logs`)",
        f"  command     {prefix}.venv/bin/python manage.py …   (from another terminal, on this same ledger)",
        "",
    ):
        terminal.write(line)


def _reachable_environment(environment: Mapping[str, str]) -> dict[str, str]:
    wanted = {"DATABASE_URL", "DATABASE_OWNER_URL", "KAFKA_BOOTSTRAP_SERVERS"}
    wanted |= {"LEDGER_WEB_HOST", "LEDGER_WEB_PORT"}
    return {
        name: value
        for name, value in environment.items()
        if name in wanted or (name.startswith("LEDGER_") and name not in os.environ)
    }


def read_port(environ: Mapping[str, str], setting: str) -> int | None:
    """Return the port of a setting, or None if it is not set. Raises `StackError`."""
    given = environ.get(setting)
    if not given:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise StackError(f"{setting} is {given!r}, and must be a port number from 1 to 65535.")
    return int(given)
