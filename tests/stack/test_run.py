"""`make run` as a user runs it."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from kafka import KafkaProducer

from stack.errors import StackError
from stack.pids import signal_process, started_at
from stack.ports import free_port, is_free, wait_until
from stack.run import read_port
from stack.state import PROJECT

_PREFIXES = ("DATABASE_", "KAFKA_", "LEDGER_")


class Running:
    """A running `python -m stack run`, with its output so far."""

    def __init__(self, directory: Path, port: int, number: int, **settings: str) -> None:
        self._output_file = directory.parent / f"{directory.name}-{number}.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_PREFIXES)}
        environment |= {"LEDGER_STATE_DIR": str(directory), "LEDGER_WEB_PORT": str(port), **settings}
        self.environment = environment
        with self._output_file.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stack", "run"],
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def output(self) -> str:
        return self._output_file.read_text()

    def wait_for(self, text: str) -> None:
        found = wait_until(lambda: text in self.output, seconds=90, alive=lambda: self.process.poll() is None)
        assert found or text in self.output, self.output

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def start(directory: Path) -> Iterator[Callable[..., Running]]:
    """Return a function that starts runs in one state directory. All processes are killed after the test."""
    runs: list[Running] = []

    def make(port: int, **settings: str) -> Running:
        runs.append(Running(directory / "state", port, len(runs), **settings))
        return runs[-1]

    yield make
    for run in runs:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    for pid in _pids(directory / "state").values():
        signal_process(pid, signal.SIGKILL)


def _pids(directory: Path) -> dict[str, int]:
    return {path.stem: int(path.read_text().split()[0]) for path in (directory / "run").glob("*.pid")}


def test_it_runs_and_recovers_from_a_killed_supervisor(
    start: Callable[[int], Running], directory: Path
) -> None:
    """Starts, is used from another terminal, is killed, starts again, and is stopped by Ctrl-C under load."""
    port, state = free_port(), directory / "state"
    first = start(port)
    first.wait_for("Ctrl-C stops all of it")
    output = first.output
    assert "topic: training.operations made" in output
    assert f"http://127.0.0.1:{port}/admin/" in output
    assert f"state       {state}" in output
    assert len(re.findall("shown once", output)) >= 2
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=10).status == 200

    # Secrets that are shown once are not in the logs.
    secret = re.search(r"password: (\S+)", output)
    assert secret is not None
    logs = [path.read_text(errors="replace") for path in (state / "logs").iterdir()]
    assert not any(secret[1] in log for log in logs)

    other_terminal = subprocess.run(
        [sys.executable, "manage.py", "showmigrations", "events"],
        cwd=PROJECT,
        env=first.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "[X] 0001_initial" in other_terminal.stdout, other_terminal.stderr

    # The output says how to reach a ledger with a state directory of its own.
    assert f"command     LEDGER_STATE_DIR={state} .venv/bin/python manage.py" in output
    assert f"process     {first.process.pid}   (`LEDGER_STATE_DIR={state} make stop` stops it" in output
    shown = _control("status", first)
    assert shown.returncode == 0
    assert f"(process {first.process.pid})" in shown.stdout
    assert re.findall(r"^  (\w+) +process \d+$", shown.stdout, re.MULTILINE) == sorted(_pids(state))
    assert "==> " in _control("logs", first).stdout
    loaded = subprocess.run(
        [sys.executable, "-m", "examples.load_catalogue", "start"],
        cwd=PROJECT,
        env=first.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr

    second = start(free_port())
    assert second.process.wait(30) == 2
    assert second.output.startswith(
        f"ledger: the ledger is already running from {state} (process {first.process.pid})"
    )
    assert second.output.count("\n") == 1

    running = _pids(state)
    assert {"postgres", "kafka", "web"} <= set(running)
    first.end(signal.SIGKILL)
    assert started_at(running["postgres"]) != ""

    third = start(port)
    third.wait_for("Ctrl-C stops all of it")
    assert "stopped processes of an earlier run: " in third.output
    assert "shown once" not in third.output
    assert started_at(running["postgres"]) == ""
    pids = _pids(state)

    # The last messages are read before the broker stops, because it loses them.
    broker = re.search(r"Kafka +(\S+)", third.output)
    assert broker is not None
    log = state / "logs" / "ingest.log"
    producer = KafkaProducer(bootstrap_servers=broker[1])
    _ = producer.send("training.operations", b"first", b"1").get(10)
    assert wait_until(lambda: " parked=1 " in log.read_text(), seconds=60), log.read_text()
    for number in range(500):
        _ = producer.send("training.operations", b"noise", str(number).encode())
    producer.close()

    assert third.end(signal.SIGINT) == 0
    read = re.findall(r"ingest: messages=(\d+) .*parked=.* lag=(\d+)", log.read_text())
    assert (sum(int(messages) for messages, _ in read), read[-1][1]) == (501, "0")
    stopped = re.findall(r"^stopping (\w+)$", third.output, re.MULTILINE)
    order = ["web", "ingest", "relay", "expire", "project", "kafka", "postgres"]
    assert stopped == [name for name in order if name in stopped]
    assert {"web", "kafka", "postgres"} <= set(stopped)
    assert third.output.endswith("stopped; the data stays for the next run\n")
    assert [name for name, pid in pids.items() if started_at(pid)] == []
    assert is_free(port)
    assert not (state / "environment.json").exists()


def test_a_taken_web_port_is_an_error(start: Callable[[int], Running], directory: Path) -> None:
    """The error names the port and the setting, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(port)
        assert run.process.wait(30) == 2
    assert run.output == (
        f"ledger: port {port} is taken by another program; stop it, or choose another port: "
        f"LEDGER_WEB_PORT={port + 1} make run\n"
    )
    assert _pids(directory / "state") == {}


def _control(command: str, run: Running) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "stack", command],
        cwd=PROJECT,
        env=run.environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_run_is_stopped_from_another_terminal(start: Callable[..., Running], directory: Path) -> None:
    """Also while it starts; a second stop has nothing to do."""
    run = start(free_port())
    run.wait_for("starting postgres")
    shown = _control("status", run)
    assert (shown.returncode, shown.stdout.splitlines()[0]) == (
        1,
        f"the ledger runs from {directory / 'state'} (process {run.process.pid})",
    )
    assert _control("stop", run).returncode == 0
    assert run.process.wait(60) == 0
    assert _pids(directory / "state") == {}
    for command, status in (("stop", 0), ("status", 1)):
        nothing = _control(command, run)
        assert (nothing.returncode, nothing.stdout) == (
            status,
            f"no ledger runs from {directory / 'state'}\n",
        )


def test_bad_settings_are_refused_before_anything_starts(
    start: Callable[..., Running], directory: Path
) -> None:
    """An unknown one, one with a bad value, and taken ports of the servers."""
    run = start(free_port(), LEDGER_TYPO="1", LEDGER_LOG_LEVEL="info")
    assert run.process.wait(30) == 2
    assert run.output == (
        "ledger: nothing was started:\n"
        "LEDGER_TYPO is set, and is no setting; docs/running.md lists all of them\n"
        "LEDGER_LOG_LEVEL is 'info', and must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for name in ("LEDGER_POSTGRES_PORT", "LEDGER_KAFKA_PORT"):
            run = start(free_port(), **{name: str(port)})
            assert run.process.wait(30) == 2
            message = f"ledger: port {port} is taken; choose another with {name}, or leave it unset.\n"
            assert run.output == message
    assert _pids(directory / "state") == {}


def test_an_unusable_state_directory_is_an_error(start: Callable[[int], Running], directory: Path) -> None:
    """Here it is a file."""
    (directory / "state").write_text("")
    run = start(free_port())
    assert run.process.wait(30) == 2
    assert run.output.startswith("ledger: the state directory ")
    assert run.output.count("\n") == 1


@pytest.mark.parametrize("value", ["0", "65536", "web", "-1", "80.0"])
def test_an_invalid_port_raises(value: str) -> None:
    """The error names the setting and the valid range."""
    with pytest.raises(StackError, match=r"LEDGER_WEB_PORT is .* and must be a port number"):
        read_port({"LEDGER_WEB_PORT": value}, "LEDGER_WEB_PORT")


def test_an_empty_port_counts_as_unset() -> None:
    """A .env file may have empty settings."""
    assert read_port({}, "LEDGER_WEB_PORT") is None
    assert read_port({"LEDGER_WEB_PORT": ""}, "LEDGER_WEB_PORT") is None
    assert read_port({"LEDGER_WEB_PORT": "8001"}, "LEDGER_WEB_PORT") == 8001
