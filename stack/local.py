"""The whole stack as one object, for tests, benchmarks and the demo."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from stack.apache_kafka import ApacheKafka
from stack.broker import Broker
from stack.errors import StackError
from stack.ports import free_port, is_free, wait_until
from stack.postgres import Postgres
from stack.processes import Child
from stack.state import PROJECT, make_directory, make_temporary_directory, read_secrets
from stack.workers import manage, programs, worker_environment

Kafka = Literal["embedded", "apache"]

# Ends the processes that a killed owner left in a temporary directory, and deletes the directory. It waits
# on a pipe that only the owner holds open: the system closes it however the owner ends.
_CLEANUP_SCRIPT = """
read -r _
for file in "$1"/run/*.pid; do read -r pid _ <"$file" && kill -QUIT "$pid"; done 2>/dev/null
sleep 1
for file in "$1"/run/*.pid; do read -r pid _ <"$file" && kill -s KILL -- "-$pid"; done 2>/dev/null
rm -rf "$1"
"""


class Stack:
    """PostgreSQL, a broker and workers on free ports.

    `directory` keeps the data; the default is a temporary one that is deleted at the end, even if this
    process is killed. `kafka` is the kind of broker, or None for no broker. `brokers` is the number of
    Apache Kafka's brokers. With `durable=False` a crash of the machine may lose data, but the server is
    faster. `environment` has settings for the workers, in addition to this process's environment.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        postgres: bool = True,
        kafka: Kafka | bool | None = "embedded",
        brokers: int = 1,
        durable: bool = True,
        environment: Mapping[str, str] | None = None,
        postgres_settings: Mapping[str, str] | None = None,
        echo: Callable[[str, str], None] | None = None,
    ) -> None:
        self._temporary = directory is None
        self._given = directory
        self._with_postgres = postgres
        self._kafka: Kafka | None = ("embedded" if kafka else None) if isinstance(kafka, bool) else kafka
        self._brokers = brokers
        self._durable = durable
        self._extra = dict(environment or {})
        self._postgres_settings = postgres_settings
        self._echo = echo
        self._cleanup: subprocess.Popen[bytes] | None = None
        self.directory = Path()
        self.environment: dict[str, str] = {}
        self.workers: dict[str, Child] = {}
        self.postgres: Postgres | None = None
        self.broker: Broker | ApacheKafka | None = None

    def __enter__(self) -> Self:
        return self.open()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.environment['LEDGER_WEB_PORT']}"

    @property
    def bootstrap_servers(self) -> str:
        """The address of the broker. Raises `StackError` if there is none."""
        if self.broker is None:
            raise StackError("this stack was opened without a broker.")
        return self.broker.bootstrap_servers

    def open(self) -> Self:
        """Start the servers. If it raises `StackError`, nothing is left running."""
        if self._given is None:
            self.directory = make_temporary_directory()
            self._cleanup = _start_cleanup(self.directory)
        else:
            self.directory = make_directory(self._given.absolute())
        try:
            self._start_servers()
        except BaseException:
            self.close()
            raise
        return self

    def start_kafka(self, kind: Kafka = "embedded", *, port: int | None = None) -> str:
        """Start the broker of a stack that was opened without one, and return its address."""
        if self.broker is None:
            if kind == "apache":
                self.broker = ApacheKafka(self.directory, brokers=self._brokers, port=port)
            else:
                self.broker = Broker(self.directory, port=port, default_port=free_port())
            self.broker.start()
            self.environment["KAFKA_BOOTSTRAP_SERVERS"] = self.broker.bootstrap_servers
        return self.broker.bootstrap_servers

    def close(self) -> None:
        """Stop the workers in their order, then the broker, then PostgreSQL."""
        order = list(programs({}))
        workers = sorted(
            self.workers.values(),
            key=lambda child: order.index(child.name.partition("-")[0]),
        )
        # Callbacks run in reverse order, and each runs even if another fails.
        with ExitStack() as exit_stack:
            if self._temporary and self.directory != Path():
                exit_stack.callback(shutil.rmtree, self.directory, ignore_errors=True)
            if self._cleanup is not None:
                exit_stack.callback(self._cleanup.communicate)
                exit_stack.callback(self._cleanup.kill)
            if self.postgres is not None:
                exit_stack.callback(self.postgres.stop)
            if self.broker is not None:
                exit_stack.callback(self.broker.stop)
            for worker in reversed(workers):
                exit_stack.callback(worker.stop)
        self.workers, self.broker, self.postgres, self._cleanup = {}, None, None, None

    def manage(self, *arguments: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
        """Run a command of `manage.py`. Raises `StackError` with the end of its output if it fails."""
        done = subprocess.run(
            manage(*arguments),
            cwd=PROJECT,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if check and done.returncode != 0:
            output = "\n".join((done.stdout + done.stderr).strip().splitlines()[-15:])
            raise StackError(f"`manage.py {' '.join(arguments)}` failed:\n{output}")
        return done

    def setup(self) -> str:
        """Run `manage.py setup` and `topics`; return their output."""
        printed = self.manage("setup").stdout
        return printed + self.manage("topics").stdout if self.broker is not None else printed

    def start(
        self,
        name: str,
        *,
        instance: str | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> Child:
        """Start a worker: `web`, `ingest`, `relay`, `expire` or `project`.

        Each `instance`, such as "ingest-2", is a worker of its own. An instance that has ended can be started
        again. Raises `StackError` if it is running.
        """
        label = instance or name
        if label.partition("-")[0] != name:
            raise StackError(f"an instance of {name} must be called {name}-something, not {label}.")
        worker = self.workers.get(label)
        if worker is None or environment is not None:
            settings = {**self.environment, **(environment or {})}
            program = programs(settings, embedded_broker=isinstance(self.broker, Broker))[name]
            worker = Child(
                label,
                program.argv,
                directory=self.directory,
                environment=worker_environment(settings),
                cwd=PROJECT,
                echo=(lambda line: self._echo(label, line) if self._echo else None),
                stop_seconds=program.stop_seconds,
            )
            self.workers[label] = worker
        return worker.start()

    def wait_for_web(self, seconds: float = 30) -> None:
        """Wait until the web server accepts connections. Raises `StackError`."""
        port, worker = int(self.environment["LEDGER_WEB_PORT"]), self.workers["web"]
        if not wait_until(lambda: not is_free(port), seconds=seconds, alive=lambda: worker.running):
            raise StackError(f"the web server does not start; its last output:\n{worker.tail()}")

    def _start_servers(self) -> None:
        secrets = read_secrets(self.directory)
        databases: dict[str, str] = {}
        if self._with_postgres:
            self.postgres = Postgres(
                self.directory,
                secrets,
                default_port=free_port(),
                durable=self._durable,
                settings=self._postgres_settings,
            ).start()
            databases["DATABASE_URL"] = self.postgres.service_url
            databases["DATABASE_OWNER_URL"] = self.postgres.owner_url
        self.environment = {
            **os.environ,
            **databases,
            "PYTHONUNBUFFERED": "1",
            "LEDGER_SECRET_KEY": secrets.secret_key,
            "LEDGER_STATE_DIR": str(self.directory),
            "LEDGER_WEB_HOST": "127.0.0.1",
            "LEDGER_WEB_PORT": str(free_port()),
            **self._extra,
        }
        if self._kafka is not None:
            self.start_kafka(self._kafka)


def _start_cleanup(directory: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        ["/bin/sh", "-c", _CLEANUP_SCRIPT, "caretaker", str(directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=tempfile.gettempdir(),
        start_new_session=True,
    )
