"""README and the HTTP document, typed into a shell with a real ledger: every block does what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack
from tests.docs import pages
from tests.docs.terminal import Terminal, answers, body_of, check_answer

HTTP = pages.DOCS / "http.md"


@pytest.fixture(scope="module")
def new_ledger() -> Iterator[tuple[Stack, str]]:
    """Start servers and workers as `make run` does, and return the marketplace's key that setup printed."""
    with Stack(durable=False) as stack:
        printed = stack.manage("setup").stdout  # makes the topics too
        for worker in ("web", "ingest", "relay"):
            stack.start(worker)
        stack.wait_for_web()
        found = re.search(r"of /services/marketplace: (\S+)", printed)
        assert found is not None, printed
        yield stack, found[1]


@pytest.fixture(scope="module")
def addresses(new_ledger: tuple[Stack, str]) -> dict[str, str]:
    """Map the addresses in the documents to those of this ledger."""
    stack, _ = new_ledger
    return {
        "http://127.0.0.1:8000": stack.web_url,
        "127.0.0.1:9092": stack.bootstrap_servers,
    }


@pytest.fixture
def terminal(new_ledger: tuple[Stack, str], addresses: dict[str, str]) -> Iterator[Terminal]:
    stack, key = new_ledger
    with Terminal(stack.environment, addresses, {"KEY": key}) as opened:
        yield opened


def test_every_request_is_answered_as_shown(terminal: Terminal) -> None:
    """Runs `docs/http.md` from its first block to its last."""
    marketplace = terminal.filled["KEY"]
    waiting: list[str] = []
    shown = 0
    printed = ""
    for block in pages.blocks(HTTP):
        place = f"docs/http.md, line {block.line}"
        match block.language:
            case "sh":
                assert not waiting, f"{place}: the answer before it is shown nowhere"
                terminal.filled["KEY"] = marketplace
                printed = terminal.run(block.text)
                waiting = answers(printed) if "HTTP/1.1" in printed else []
                if "api_key create" in block.text:
                    names = ("FINANCE", "APPROVER", "SUPPORT")
                    name = next(name for name in names if name.lower() in block.text)
                    terminal.remember_token(name, printed)
            case "http":
                assert waiting, f"{place}: nothing was answered"
                answer = waiting.pop(0)
                try:
                    check_answer(block.text, answer)
                except AssertionError as error:
                    raise AssertionError(f"{place}: {error}\n{answer}") from None
                shown += 1
                _remember(terminal, answer)
            case "text":
                assert printed == block.text.strip(), place
            case other:
                raise AssertionError(f"{place}: a block of {other or 'no language'}")
    assert not waiting
    assert shown > 20


def _remember(terminal: Terminal, answer: str) -> None:
    body = body_of(answer)
    match body:
        case {"items": [{"kind": "machine_copy", "id": operation}]}:
            terminal.filled["OPERATION"] = operation
        case {"proposal": proposal}:
            terminal.filled["PROPOSAL"] = proposal


def test_the_readme_publishes_over_http_and_over_kafka(
    new_ledger: tuple[Stack, str], terminal: Terminal, addresses: dict[str, str], tmp_path: Path
) -> None:
    """Runs the curl block, then the Python block, then `verify`."""
    stack, _ = new_ledger
    shells = [block.text for block in pages.blocks(pages.README) if block.language == "sh"]
    (curl,) = (text for text in shells if "curl" in text)
    (verify,) = (text for text in shells if "verify" in text)
    (python,) = (block.text for block in pages.blocks(pages.README) if block.language == "python")

    recorded = body_of(terminal.run(curl.replace("curl ", "curl -si ")))
    assert recorded["accounts"]["user:1:usd"]["balance"] == "100.00000000"

    for name, here in addresses.items():
        python = python.replace(name, here)
    script = tmp_path / "publish.py"
    script.write_text(python, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(script)],
        env=stack.environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert f"It prints `{done.stdout.strip()}`." in pages.README.read_text(encoding="utf-8")

    assert terminal.run(verify).splitlines()[-1].startswith("verify: ok ")


def test_ten_lines_of_python_are_enough() -> None:
    """They publish an operation and read its outcome, imports included."""
    (python,) = (block.text for block in pages.blocks(pages.README) if block.language == "python")
    assert sum(1 for line in python.splitlines() if line) <= 10
