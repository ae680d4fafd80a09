"""`docs/architecture.md` against what is there: rooms, layers, the order of locks, events, projections."""

import re
import tomllib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from django.db import connection

from events.kafka import positions
from ledger.engine.posting import post
from ledger.engine.submission import Outcome
from ledger.payloads import CONTRACTS
from projections.catalog import PROJECTIONS
from tests import commands
from tests.builders import adjustment, fund, make_machine, make_user, solving, top_up
from tests.docs import pages

PAGE: Final = pages.DOCS / "architecture.md"

_NOT_ROOMS = {"staticfiles", "seed"}
_EMPTY_NAMES: Final = {"common", "data", "helper", "helpers", "info", "manager", "service", "util", "utils"}


def test_every_room_is_described() -> None:
    """Every directory that belongs to the project, and no other."""
    there = {
        directory.name
        for directory in pages.ROOT.iterdir()
        if directory.is_dir() and directory.name[0] not in "._" and any(_files(directory))
    }
    rooms = {name.rstrip("/") for name in pages.table(PAGE, "room", "what is in it").names()}
    assert rooms >= there - _NOT_ROOMS
    assert all((pages.ROOT / room).is_dir() for room in rooms)


@pytest.mark.parametrize(("contract", "block"), [("Imports go down only", 0), ("The rooms of the ledger", 1)])
def test_the_layers_are_those_that_the_build_checks(contract: str, block: int) -> None:
    """`lint-imports` reads them from `pyproject.toml`."""
    contracts = tomllib.loads((pages.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"][
        "importlinter"
    ]["contracts"]
    (layers,) = (each["layers"] for each in contracts if each["name"] == contract)
    shown = [each.text.strip() for each in pages.blocks(PAGE) if each.language == "text"]
    assert shown[block] == " → ".join(layers)


def test_no_module_has_a_name_that_says_nothing() -> None:
    """`utils.py` and its kind can hold anything, so a reader cannot guess what they hold."""
    found = {
        path.relative_to(pages.ROOT)
        for room in ("config", "events", "ledger", "models", "projections", "stack", "web")
        for path in (pages.ROOT / room).rglob("*.py")
        if path.stem in _EMPTY_NAMES
    }
    assert found == set()


def test_the_files_to_begin_with_are_there() -> None:
    """The eight files of the reading order."""
    named = re.findall(r"^\d+\. `([a-z_/]+\.py)`", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert len(named) == 8
    assert [name for name in named if not (pages.ROOT / name).is_file()] == []


@pytest.mark.django_db
def test_a_batch_locks_in_the_order_of_the_page() -> None:
    """Every statement of a batch that has something for each step, found in the steps' order."""
    owner, payer = make_user(), fund(make_user(), eaml=10)
    machine = make_machine(owner)
    with _statements() as seen:
        outcomes = post(
            [
                solving(machine, user=payer),
                commands.place(machine, user=payer, lines=1000),
                adjustment(payer, "usd", "5"),
                top_up(owner, "1"),
            ],
            hook=_Reading("training.operations"),
        )
    assert [outcome.status for outcome in outcomes] == ["recorded"] * 4

    steps = pages.table(PAGE, "step", "what", "statement").rows
    assert [number for number, _, _ in steps] == [str(n + 1) for n in range(len(steps))]
    wanted = [statement.strip("`") for _, _, statement in steps if statement]
    assert len(wanted) == len(steps) - 1  # to decide is no statement
    places = [next((n for n, sql in enumerate(seen) if words in sql), -1) for words in wanted]
    found = dict(zip(wanted, places, strict=True))
    assert -1 not in places, found
    assert places == sorted(set(places)), found


def test_every_type_of_event_is_described() -> None:
    """Those that have a contract, in whatever version."""
    shown = pages.table(PAGE, "type", "what happened").names()
    assert sorted(shown) == sorted({type_ for type_, _ in CONTRACTS})


def test_every_projection_is_described() -> None:
    """Beside the one that is written when posting."""
    inline, *others = pages.table(PAGE, "projection", "when", "what").names()
    assert inline == "balances on users"
    assert others == [projection.name for projection in PROJECTIONS]


class _Reading:
    """A batch from Kafka: moves the position of a partition in the transaction that posts."""

    def __init__(self, topic: str) -> None:
        self._topic, self._topic_id = topic, str(uuid4())
        positions.open_positions(topic, self._topic_id, [0])

    def begin(self, cursor: Any) -> None:
        positions.advance(cursor, [positions.Move(self._topic_id, 0, self._topic, 0, 2, 2)])

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        """Nothing is put aside."""


@contextmanager
def _statements() -> Iterator[list[str]]:
    seen: list[str] = []

    def note(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        seen.extend(" ".join(each.split()) for each in sql.split("; "))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        yield seen


def _files(directory: Path) -> Iterator[Path]:
    return (path for path in directory.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
