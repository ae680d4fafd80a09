"""`make run`: everything the ledger needs on one machine, under one supervisor."""

import os
import signal
import subprocess
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
    make_directory,
    publish_environment,
    read_secrets,
    state_directory,
    take_lock,
    withdraw_environment,
)
from stack.supervisor import Supervisor
from stack.terminal import Terminal
from stack.workers import USUAL_WEB_HOST, USUAL_WEB_PORT, manage, programs, worker_environment

_STOP_ORDER = (*programs({}), "kafka", "postgres")
_WEB_SECONDS = 60


def run(environ: Mapping[str, str]) -> int:
    """Starts everything and returns after everything has stopped: 0, or 2 with one sentence why."""
    terminal = Terminal()
    supervisor = Supervisor(terminal)
    with supervisor.signals():
        try:
            directory = make_directory(state_directory(environ))
            with take_lock(directory):
                try:
                    _start(environ, directory, supervisor, terminal)
                    supervisor.watch()
                finally:
                    supervisor.stop(_STOP_ORDER)
                    withdraw_environment(directory)
        except StackError as error:
            terminal.complain(f"ledger: {error}")
            return 2
    terminal.say("stopped; the data stays for the next run")
    return 0


def _start(environ: Mapping[str, str], directory: Path, supervisor: Supervisor, terminal: Terminal) -> None:
    left = stop_leftovers(directory, stop_signals={"postgres": signal.SIGINT, "kafka": signal.SIGINT})
    if left:
        terminal.say(f"stopped what an earlier run had left behind: {', '.join(sorted(left))}")
    web_port = port_setting(environ, "LEDGER_WEB_PORT") or USUAL_WEB_PORT
    web_host = environ.get("LEDGER_WEB_HOST") or USUAL_WEB_HOST
    if not is_free(web_port, web_host):
        raise StackError(
            f"port {web_port} is taken by another program; stop it, or choose another port: "
            f"LEDGER_WEB_PORT={web_port + 1} make run",
        )
    terminal.say(f"state in {directory}")
    secrets = read_secrets(directory)
    environment = {
        "LEDGER_SECRET_KEY": secrets.secret_key,
        **environ,
        "LEDGER_WEB_HOST": web_host,
        "LEDGER_WEB_PORT": str(web_port),
        "LEDGER_STATE_DIR": str(directory),
        "PYTHONUNBUFFERED": "1",
    }
    if "DATABASE_URL" not in environ:
        postgres = Postgres(directory, secrets, port=port_setting(environ, "LEDGER_POSTGRES_PORT"))
        _start_server("postgres", postgres, supervisor, terminal)
        environment["DATABASE_URL"] = postgres.service_url
        environment["DATABASE_OWNER_URL"] = postgres.owner_url
    if "KAFKA_BOOTSTRAP_SERVERS" not in environ:
        broker = Broker(directory, port=port_setting(environ, "LEDGER_KAFKA_PORT"))
        # It comes back empty: its topics are made again.
        _start_server(
            "kafka",
            broker,
            supervisor,
            terminal,
            after=lambda: _make_topics(environment, supervisor, terminal),
        )
        environment["KAFKA_BOOTSTRAP_SERVERS"] = broker.bootstrap_servers
    terminal.say("setting up the database")
    if _manage(("setup",), environment, supervisor) not in {0, None}:
        raise StackError("the database could not be set up; the reason stands above.")
    _make_topics(environment, supervisor, terminal)
    _start_workers(
        environment,
        directory,
        supervisor,
        terminal,
        embedded_broker="KAFKA_BOOTSTRAP_SERVERS" not in environ,
    )
    if supervisor.stopping.is_set():
        return
    publish_environment(directory, _reachable(environment))
    _say_where_to_look(environment, directory, terminal)


def _start_server(
    name: str,
    server: Postgres | Broker,
    supervisor: Supervisor,
    terminal: Terminal,
    after: Callable[[], None] = lambda: None,
) -> None:
    if supervisor.stopping.is_set():
        return
    began = time.monotonic()
    terminal.say(f"starting {name}")
    supervisor.start(name, server, after_restart=after)
    terminal.say(f"  {name} answers on 127.0.0.1:{server.port} after {time.monotonic() - began:.1f} s")


def _make_topics(environment: Mapping[str, str], supervisor: Supervisor, terminal: Terminal) -> None:
    """A broker that does not answer yet is no reason not to start: the ledger takes operations without it."""
    if _manage(("topics",), environment, supervisor) not in {0, None}:
        terminal.say("topics are missing or differ; see above, and `manage.py topics`")


def _manage(arguments: tuple[str, ...], environment: Mapping[str, str], supervisor: Supervisor) -> int | None:
    """The status of a command of `manage.py`; None where a stop was asked for meanwhile.

    It writes to the terminal alone: what setup shows once belongs in no log.
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
    terminal.say(f"starting {', '.join(children)}")
    port, host = int(environment["LEDGER_WEB_PORT"]), environment["LEDGER_WEB_HOST"]
    up = wait_until(
        lambda: not is_free(port, host),
        seconds=_WEB_SECONDS,
        alive=lambda: children["web"].running and not supervisor.stopping.is_set(),
    )
    if not up and not supervisor.stopping.is_set():
        raise StackError(
            f"the web server does not start; its own words are at the end of {children['web'].log}."
        )


def _say_where_to_look(environment: Mapping[str, str], directory: Path, terminal: Terminal) -> None:
    host = environment["LEDGER_WEB_HOST"]
    shown = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 - shown, not listened on
    web = f"http://{shown}:{environment['LEDGER_WEB_PORT']}"
    database = environment["DATABASE_URL"].rpartition("@")[2]
    for line in (
        "",
        "The ledger is running. Ctrl-C stops all of it; the data stays.",
        f"  admin       {web}/admin/",
        f"  HTTP API    {web}/v1/openapi.json",
        f"  Kafka       {environment['KAFKA_BOOTSTRAP_SERVERS']}",
        f"  PostgreSQL  {database}",
        f"  state       {directory}",
        f"  logs        {directory / 'logs'}",
        "  command     .venv/bin/python manage.py …   (from another terminal, on this same ledger)",
        "",
    ):
        terminal.say(line)


def _reachable(environment: Mapping[str, str]) -> dict[str, str]:
    wanted = ("DATABASE_URL", "DATABASE_OWNER_URL", "KAFKA_BOOTSTRAP_SERVERS")
    return {
        name: value
        for name, value in environment.items()
        if name in wanted or (name.startswith("LEDGER_") and name not in os.environ)
    }


def port_setting(environ: Mapping[str, str], setting: str) -> int | None:
    given = environ.get(setting)
    if not given:
        return None
    if not given.isdecimal() or not 1 <= int(given) <= 65535:
        raise StackError(f"{setting} is {given!r}, and must be a port number from 1 to 65535.")
    return int(given)
