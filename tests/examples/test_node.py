"""The example in JavaScript, with a running ledger."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from stack import Stack
from tests import npm

PROJECT: Final = Path(__file__).parents[2]
EXAMPLE: Final = PROJECT / "examples" / "node"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its packages installed."""
    copy = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("node_modules"))
    npm.install(copy)
    return copy / "publish_and_listen.js"


@pytest.fixture(scope="module")
def kafka_address(program: Path) -> Iterator[str]:
    """The broker of a ledger with the sample catalogue."""
    with Stack(durable=False) as stack:
        stack.setup()
        stack.manage("topics")
        subprocess.run(
            [sys.executable, "-m", "examples.load_catalogue", "start"],
            cwd=PROJECT,
            env=stack.environment,
            check=True,
        )
        stack.start("ingest")
        stack.start("relay")
        yield stack.bootstrap_servers


def test_a_solving_is_recorded_and_its_outcome_heard(program: Path, kafka_address: str) -> None:
    """250 lines cost 0.025 EAML, which the user owes, because they have no tokens."""
    done = _run("node", str(program), kafka_address, "--user", "1003", "--machine", "7004", "--lines", "250")
    published, recorded, *details = done.stdout.splitlines()
    assert published.startswith("published: ")
    assert recorded.startswith("recorded: ")
    assert details == [
        "  0.02500000 EAML from user:1003:due:eaml to platform:revenue:eaml",
        "  user:1003:due:eaml has 0.02500000",
    ]


def test_an_unaffordable_solving_is_rejected(program: Path, kafka_address: str) -> None:
    """Two billion lines exceed the credit limit, and the exit status is 3."""
    with pytest.raises(subprocess.CalledProcessError) as caught:
        _run(
            "node",
            str(program),
            kafka_address,
            "--user",
            "1003",
            "--machine",
            "7004",
            "--lines",
            "2000000000",
        )
    assert caught.value.returncode == 3
    assert "rejected: credit_limit_exceeded" in caught.value.stdout


def _run(*command: str, cwd: Path = PROJECT, seconds: float = 60) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=seconds,
        check=True,
    )
