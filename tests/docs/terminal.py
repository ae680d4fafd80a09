"""Runs the blocks of a document in a shell, and compares answers with those in the document."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from typing import Any, Self

import pytest

from tests.docs.pages import ROOT

_OPEN = "…"
"""Replaces values that differ each time."""

_OPEN_ASSIGNMENT = re.compile(r"^(?P<name>[A-Z]+)=\S*…$", re.MULTILINE)
_TOKEN = re.compile(r"\bledger_[0-9a-f]{8}_[\w-]{43}")


class Terminal:
    """A bash process that runs the blocks of a document, one after the other.

    `replacements` maps texts of the document to those used here, such as ports. A value that the reader
    fills in (`KEY=ledger_…`) comes from `filled`, or from the output of an earlier block.
    """

    def __init__(
        self, environment: Mapping[str, str], replacements: Mapping[str, str], filled: Mapping[str, str]
    ) -> None:
        for program in ("bash", "curl"):
            if shutil.which(program) is None:
                pytest.skip(f"{program} is not installed")
        self._replacements = {".venv/bin/python": sys.executable, **replacements}
        self.filled = dict(filled)
        self._shell = subprocess.Popen(
            ["bash", "--noprofile", "--norc"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
            env={**os.environ, **environment, "no_proxy": "127.0.0.1", "NO_PROXY": "127.0.0.1"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._shell.communicate("exit\n", timeout=10)

    def run(self, text: str) -> str:
        """Run a block and return its output, including errors."""
        for original, replacement in self._replacements.items():
            text = text.replace(original, replacement)
        text = _OPEN_ASSIGNMENT.sub(lambda found: f"{found['name']}={self.filled[found['name']]}", text)
        assert _OPEN not in text, f"there is no value for … in: {text}"
        assert self._shell.stdin is not None
        assert self._shell.stdout is not None
        end = f"end of block {os.urandom(8).hex()}"
        self._shell.stdin.write(f"{text}\nprintf '\\n%s\\n' '{end}'\n")
        self._shell.stdin.flush()
        lines: list[str] = []
        while (line := self._shell.stdout.readline()).rstrip("\n") != end:
            assert line, f"the shell ended: {''.join(lines)}"
            lines.append(line)
        return "".join(lines).strip().replace("\r\n", "\n")

    def remember_token(self, name: str, printed: str) -> None:
        """Set the value of `name` to the API key in the output."""
        (self.filled[name],) = _TOKEN.findall(printed)


def answers(printed: str) -> list[str]:
    """Return the HTTP answers in the output of `curl -i`, one after the other."""
    return [part.strip() for part in re.split(r"(?m)^(?=HTTP/1\.1 )", printed) if part.strip()]


def body_of(answer: str) -> Any:
    """Return the JSON body of an HTTP answer."""
    return json.loads(answer.partition("\n\n")[2])


def check_answer(wanted: str, answer: str) -> None:
    """Compare an answer with the document: status, shown headers and members; `…` matches any value."""
    wanted_head, _, wanted_body = wanted.strip().partition("\n\n")
    head, _, body = answer.partition("\n\n")
    wanted_status, *wanted_headers = wanted_head.splitlines()
    status, *headers = head.splitlines()
    # The reason phrase depends on the version of Python.
    assert wanted_status.split()[:2] == status.split()[:2], answer
    for header in map(_with_lower_name, wanted_headers):
        assert any(_is_like(header, _with_lower_name(found)) for found in headers), (header, headers)
    _check_like(json.loads(wanted_body), json.loads(body), "body")


def _with_lower_name(header: str) -> str:
    """Return a header with its name in lower case."""
    name, colon, value = header.partition(":")
    return name.lower() + colon + value


def _check_like(wanted: Any, found: Any, place: str) -> None:
    match wanted:
        case dict():
            assert isinstance(found, dict), (place, found)
            for name, value in wanted.items():
                assert name in found, (place, name, found)
                _check_like(value, found[name], f"{place}.{name}")
        case list():
            assert isinstance(found, list), (place, found)
            assert len(found) == len(wanted), (place, found)
            for number, (one, other) in enumerate(zip(wanted, found, strict=True)):
                _check_like(one, other, f"{place}.{number}")
        case str():
            assert wanted == _OPEN or (isinstance(found, str) and _is_like(wanted, found)), (place, found)
        case _:
            assert wanted == found, (place, found)


def _is_like(wanted: str, found: str) -> bool:
    return re.fullmatch(".+".join(map(re.escape, wanted.split(_OPEN))), found) is not None
