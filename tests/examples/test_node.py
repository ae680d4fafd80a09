"""The example in JavaScript against a ledger that runs: the contract is enough."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from stack import Stack

PROJECT: Final = Path(__file__).parents[2]
EXAMPLE: Final = PROJECT / "examples" / "node"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the example with its packages installed."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("node and npm are not installed")
    copy = tmp_path_factory.mktemp("node") / "example"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("node_modules"))
    try:
        _run("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=copy, seconds=120)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as error:
        pytest.skip(f"npm cannot install kafkajs here: {error}")
    return copy / "publish_and_listen.js"


@pytest.fixture(scope="module")
def kafka_address(program: Path) -> Iterator[str]:
    """A ledger that knows the sample catalogue, with a broker of its own."""
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
    """250 lines cost 0.025 EAML, which the user, who has none, owes."""
    done = _run("node", str(program), kafka_address, "--user", "1003", "--machine", "7004", "--lines", "250")
    published, recorded, *told = done.stdout.splitlines()
    assert published.startswith("published: ")
    assert recorded.startswith("recorded: ")
    assert told == [
        "  0.02500000 EAML from user:1003:due:eaml to platform:revenue:eaml",
        "  user:1003:due:eaml has 0.02500000",
    ]


def test_what_nobody_can_afford_is_rejected(program: Path, kafka_address: str) -> None:
    """Two billion lines are beyond every credit limit, and the program ends with 3."""
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
