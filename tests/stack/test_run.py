"""`make run` as a person meets it."""

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
from stack.run import port_setting
from stack.state import PROJECT

_OURS = ("DATABASE_", "KAFKA_", "LEDGER_")


class Running:
    """One `python -m stack run`, with what it has said so far."""

    def __init__(self, directory: Path, port: int, number: int) -> None:
        self._said = directory.parent / f"{directory.name}-{number}.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
        environment |= {"LEDGER_STATE_DIR": str(directory), "LEDGER_WEB_PORT": str(port)}
        self.environment = environment
        with self._said.open("w") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "stack", "run"],
                cwd=PROJECT,
                env=environment,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def said(self) -> str:
        return self._said.read_text()

    def until(self, words: str) -> None:
        found = wait_until(lambda: words in self.said, seconds=90, alive=lambda: self.process.poll() is None)
        assert found or words in self.said, self.said

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def start(directory: Path) -> Iterator[Callable[[int], Running]]:
    """Starts runs on one state directory; nothing of them outlives the test."""
    made: list[Running] = []

    def make(port: int) -> Running:
        made.append(Running(directory / "state", port, len(made)))
        return made[-1]

    yield make
    for run in made:
        if run.process.poll() is None:
            run.process.kill()
            run.process.wait()
    for pid in _pids(directory / "state").values():
        signal_process(pid, signal.SIGKILL)


def _pids(directory: Path) -> dict[str, int]:
    return {path.stem: int(path.read_text().split()[0]) for path in (directory / "run").glob("*.pid")}


def test_it_runs_is_found_and_comes_back(start: Callable[[int], Running], directory: Path) -> None:
    """A first start, a look from outside, a killed supervisor, a second start, Ctrl-C in mid-work."""
    port, state = free_port(), directory / "state"
    first = start(port)
    first.until("Ctrl-C stops all of it")
    said = first.said
    assert "topic: training.operations made" in said
    assert f"http://127.0.0.1:{port}/admin/" in said
    assert f"state       {state}" in said
    assert len(re.findall("shown once", said)) >= 2
    assert urllib.request.urlopen(f"http://127.0.0.1:{port}/livez", timeout=10).status == 200

    # What is shown once is in no file of the state directory.
    secret = re.search(r"password: (\S+)", said)
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

    second = start(free_port())
    assert second.process.wait(30) == 2
    assert second.said.startswith(
        f"ledger: the ledger is already running from {state} (process {first.process.pid})"
    )
    assert second.said.count("\n") == 1

    left = _pids(state)
    assert {"postgres", "kafka", "web"} <= set(left)
    first.end(signal.SIGKILL)
    assert started_at(left["postgres"]) != ""

    third = start(port)
    third.until("Ctrl-C stops all of it")
    assert "stopped what an earlier run had left behind: " in third.said
    assert "shown once" not in third.said
    assert started_at(left["postgres"]) == ""
    pids = _pids(state)

    # What came last is read before the broker, which keeps nothing, is stopped.
    broker = re.search(r"Kafka +(\S+)", third.said)
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
    stopped = re.findall(r"^stopping (\w+)$", third.said, re.MULTILINE)
    order = ["web", "ingest", "relay", "expire", "project", "kafka", "postgres"]
    assert stopped == [name for name in order if name in stopped]
    assert {"web", "kafka", "postgres"} <= set(stopped)
    assert third.said.endswith("stopped; the data stays for the next run\n")
    assert [name for name, pid in pids.items() if started_at(pid)] == []
    assert is_free(port)
    assert not (state / "environment.json").exists()


def test_a_taken_web_port_is_one_sentence(start: Callable[[int], Running], directory: Path) -> None:
    """It names the port and how to choose another, and nothing was started or left."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        run = start(port)
        assert run.process.wait(30) == 2
    assert run.said == (
        f"ledger: port {port} is taken by another program; stop it, or choose another port: "
        f"LEDGER_WEB_PORT={port + 1} make run\n"
    )
    assert _pids(directory / "state") == {}


def test_a_broken_state_directory_is_one_sentence(start: Callable[[int], Running], directory: Path) -> None:
    """A file in its place, for one."""
    (directory / "state").write_text("")
    run = start(free_port())
    assert run.process.wait(30) == 2
    assert run.said.startswith("ledger: the state directory ")
    assert run.said.count("\n") == 1


@pytest.mark.parametrize("value", ["0", "65536", "web", "-1", "80.0"])
def test_a_port_that_is_none_is_one_sentence(value: str) -> None:
    """It names the setting and what it takes."""
    with pytest.raises(StackError, match=r"LEDGER_WEB_PORT is .* and must be a port number"):
        port_setting({"LEDGER_WEB_PORT": value}, "LEDGER_WEB_PORT")


def test_a_port_that_is_not_set_is_left_to_us() -> None:
    """Empty counts as unset, as in a .env file."""
    assert port_setting({}, "LEDGER_WEB_PORT") is None
    assert port_setting({"LEDGER_WEB_PORT": ""}, "LEDGER_WEB_PORT") is None
    assert port_setting({"LEDGER_WEB_PORT": "8001"}, "LEDGER_WEB_PORT") == 8001
