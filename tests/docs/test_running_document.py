"""`docs/running.md` names every setting, command, process and make target, and no others."""

import json
import re
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
from django.core.management import get_commands
from django.db import connection
from django.utils import timezone

from config import environment
from config.environment import Environment
from easyautoml_ledger.topics import BILLING_DEAD_LETTERS
from events.kafka import dead_letter_feed, stored_messages
from events.kafka.message import Message
from ledger.imports.opening_balances import import_opening_balances
from stack.broker import DEFAULT_PORT as DEFAULT_KAFKA_PORT
from stack.postgres import DEFAULT_PORT as DEFAULT_POSTGRES_PORT
from stack.workers import DEFAULT_WEB_HOST, DEFAULT_WEB_PORT, programs
from tests.builders import balances, make_user
from tests.docs import pages

PAGE: Final = pages.DOCS / "running.md"
OURS: Final = {"events", "ledger", "models", "projections", "web"}


def _settings() -> tuple[dict[str, str], dict[str, str]]:
    """Return the documented names and defaults of the service's settings, and of the other programs'."""
    own, elsewhere = (
        dict(zip(table.names(), table.by_name().values(), strict=True))
        for table in pages.tables(PAGE)
        if table.header == ("setting", "default", "what")
    )
    return own, elsewhere


def _name(field: str) -> str:
    alias: Any = Environment.model_fields[field].validation_alias
    if alias is None:
        return f"LEDGER_{field}".upper()
    return alias if isinstance(alias, str) else str(alias.choices[0])


def _default(field: str) -> str:
    known = Environment.model_fields[field]
    if known.is_required():
        return "required"
    match known.default:
        case None:
            return "none"
        case bool() | list():
            return f"`{json.dumps(known.default)}`"
        case other:
            return f"`{other}`"


def test_every_setting_is_documented_with_its_default() -> None:
    """In the order of `config/environment.py`."""
    shown, _ = _settings()
    assert list(shown.items()) == [(_name(field), _default(field)) for field in Environment.model_fields]


def test_every_setting_of_the_programs_that_start_servers_is_documented() -> None:
    """With the ports that they really use."""
    _, shown = _settings()
    assert shown.keys() == environment._READ_ELSEWHERE
    assert shown["LEDGER_WEB_PORT"] == f"`{DEFAULT_WEB_PORT}`"
    assert shown["LEDGER_WEB_HOST"] == f"`{DEFAULT_WEB_HOST}`"
    assert shown["LEDGER_POSTGRES_PORT"].startswith(f"`{DEFAULT_POSTGRES_PORT}`")
    assert shown["LEDGER_KAFKA_PORT"].startswith(f"`{DEFAULT_KAFKA_PORT}`")


def test_every_command_is_documented() -> None:
    """All that `manage.py help` lists for our apps."""
    ours = {name for name, app in get_commands().items() if app in OURS}
    assert set(pages.table(PAGE, "command", "what").names()) == ours


def test_every_process_is_documented() -> None:
    """All that `make run` and the containers start, other than the servers."""
    table = pages.table(PAGE, "process", "what it does", "how many", "while it is down")
    assert table.names() == list(programs({}))


@pytest.mark.parametrize("page", [pages.README, *sorted(pages.DOCS.glob("*.md"))], ids=lambda page: page.name)
def test_every_make_target_and_command_that_a_document_names_exists(page: Path) -> None:
    """`make …` and `manage.py …`, in prose and in blocks."""
    text = page.read_text(encoding="utf-8")
    makefile = (pages.ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    assert set(re.findall(r"(?:`|^)(?:\w+=\S+ )*make ([a-z][\w-]*)", text, re.MULTILINE)) <= targets
    assert set(re.findall(r"manage\.py ([a-z]\w*)", text)) <= get_commands().keys()


def test_the_codes_of_dead_letters_exist() -> None:
    """In `docs/errors.md`."""
    errors = {name for table in pages.tables(pages.DOCS / "errors.md") for name in table.names()}
    *codes, others = pages.table(PAGE, "code", "who", "what").names()
    assert others == "all others"
    assert set(codes) <= errors


@pytest.mark.django_db
def test_a_dead_letter_is_published_with_the_documented_headers() -> None:
    """In addition to its own."""
    message = Message(
        topic_id=str(uuid4()),
        topic="training.operations",
        partition=3,
        offset=18250,
        key=b"42",
        value=b"junk",
        headers=[("content-type", b"text/plain")],
        timestamp=timezone.now(),
    )
    with connection.cursor() as cursor:
        stored_messages.park(
            cursor, [stored_messages.Parked(message, "not_a_cloudevent", "there are no attributes")]
        )
    _, (outgoing,) = dead_letter_feed.read_unpublished(BILLING_DEAD_LETTERS, 10)
    assert (outgoing.key, outgoing.value) == (message.key, message.value)
    published = {name for name, _ in outgoing.headers}
    named = set(re.findall(r"`(deadletter-[a-z-]+)`", PAGE.read_text(encoding="utf-8")))
    assert published - {"content-type", "deadletter-id"} == named


@pytest.mark.django_db
def test_the_documented_queries_run() -> None:
    """On the real tables."""
    (watching,) = (
        block.text for block in pages.blocks(PAGE) if block.language == "sql" and "select" in block.text
    )
    with connection.cursor() as cursor:
        for query in filter(None, map(str.strip, watching.split(";"))):
            cursor.execute(query)
            cursor.fetchall()


@pytest.mark.django_db
def test_the_example_of_opening_balances_can_be_imported(tmp_path: Path) -> None:
    """With the ids of existing users."""
    first, second = make_user(), make_user()
    (example,) = (block.text for block in pages.blocks(PAGE) if block.text.startswith("user_id,"))
    file = tmp_path / "balances.csv"
    numbers = {"2": str(first.pk), "3": str(second.pk)}
    rows = re.sub(r"^[23](?=,)", lambda found: numbers[found[0]], example, flags=re.MULTILINE)
    # As spreadsheets and editors write it: a byte order mark first, a blank line last.
    file.write_text(f"\ufeff{rows}\n\n", encoding="utf-8")
    import_opening_balances(file, now=timezone.now(), progress=lambda _done, _of: None)
    found = {code.partition(":")[2]: str(value) for code, value in balances(first, second).items()}
    assert found == {
        f"{first.pk}:usd": "30.00000000",
        f"{first.pk}:eaml": "500.00000000",
        f"{first.pk}:coupon": "5.00000000",
        f"{first.pk}:due:eaml": "2.00000000",
        f"{second.pk}:eaml": "12.50000000",
    }
