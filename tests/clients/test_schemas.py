"""The published contract files match the models, and no released contract is broken."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from easyautoml_ledger import asyncapi, fixtures, schemas
from easyautoml_ledger.payloads import ADAPTERS
from tools import events_page
from tools.contract_files import broken_contracts, main

REPOSITORY = Path(__file__).parents[2]
REMEDY = (
    "run: python clients/python/tools/contract_files.py"
    " --asyncapi docs/asyncapi.json --readable docs/events.md"
)


def test_the_schema_files_match_the_models() -> None:
    """A model that changes without its file would leave an outdated contract published."""
    assert schemas.shipped() == schemas.built(), REMEDY


def test_no_released_schema_is_broken() -> None:
    """A breaking change needs a new version of the type next to the old one."""
    assert schemas.released(), "there are no released schemas"
    assert broken_contracts() == []


@pytest.mark.parametrize("event_type", ADAPTERS)
def test_every_schema_is_valid(event_type: str) -> None:
    """It conforms to the meta-schema that it names."""
    schema = schemas.schema_of(event_type)
    assert schema["$schema"] == Draft202012Validator.META_SCHEMA["$id"]
    Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", fixtures.names())
def test_every_example_conforms_to_its_schema(name: str) -> None:
    """An independent validator finds no error in it."""
    event = fixtures.event(name)
    validator = Draft202012Validator(schemas.schema_of(event["type"]), format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(event["data"])] == []


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("operation.v1.training", {"machine": "7"}),
        ("operation.v1.training", {"machine": 0}),
        ("operation.v1.training", {"surprise": 1}),
        ("operation.v1.training", {"type": "solving"}),
        ("operation.v1.credit_from_user", {"amount": 1.5}),
        ("operation.v1.credit_from_user", {"amount": "0"}),
        ("operation.v1.credit_from_user", {"amount": "1.123456789"}),
        ("operation.v1.credit_from_user", {"payment_reference": "\x00"}),
        ("operation.v1.credit_from_user", {"payment_reference": " x"}),
        ("operation.v1.credit_from_user", {"payment_provider": "A"}),
    ],
)
def test_the_schema_alone_refuses_invalid_payloads(name: str, changes: dict[str, Any]) -> None:
    """A publisher in another language can validate its messages with the file alone."""
    event = fixtures.event(name)
    validator = Draft202012Validator(schemas.schema_of(event["type"]))
    assert not validator.is_valid({**event["data"], **changes})


def test_the_asyncapi_file_matches_the_models() -> None:
    """`docs/asyncapi.json` is the document that the code builds."""
    file = REPOSITORY / "docs" / "asyncapi.json"
    assert file.read_text(encoding="utf-8") == schemas.as_text(asyncapi.document()), REMEDY


def test_the_page_of_events_matches_the_models() -> None:
    """`docs/events.md` names every type and every field."""
    text = (REPOSITORY / "docs" / "events.md").read_text(encoding="utf-8")
    assert text == events_page.markdown(asyncapi.document()), REMEDY
    headings = {line.lstrip("# ") for line in text.splitlines() if line.startswith("###")}
    assert set(ADAPTERS) <= headings
    for schema in asyncapi.document()["components"]["schemas"].values():
        assert all(f"| `{field}` |" in text for field in schema.get("properties", {}))


def test_writing_again_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tool writes the same bytes, removes files of types that are gone, and releases on request."""
    monkeypatch.setattr("tools.contract_files.SCHEMAS", tmp_path)
    (tmp_path / "released").mkdir()
    (tmp_path / "gone.v1.json").write_text("{}")
    options = ["--asyncapi", str(tmp_path / "asyncapi.json"), "--readable", str(tmp_path / "events.md")]
    assert main([*options, "--release", "user.v1"]) == 0
    assert (tmp_path / "events.md").read_text(encoding="utf-8") == events_page.markdown(asyncapi.document())
    written = {file.name: file.read_text() for file in tmp_path.glob("*.json")}
    assert written.pop("asyncapi.json") == schemas.as_text(asyncapi.document())
    assert written == schemas.built()
    assert [file.name for file in (tmp_path / "released").iterdir()] == ["user.v1.json"]


def test_a_breaking_change_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tool prints each breaking change and leaves the files unchanged."""
    old = json.loads(schemas.built()["user.v1.json"])
    old["properties"]["nickname"] = {"type": "string"}
    monkeypatch.setattr("tools.contract_files.SCHEMAS", tmp_path)
    monkeypatch.setattr(
        "tools.contract_files.released",
        lambda: {"user.v1.json": json.dumps(old), "gone.v1.json": "{}"},
    )
    assert main([]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "user.v1.json: nickname: was removed",
        "gone.v1.json: the type was removed",
    ]
    assert list(tmp_path.iterdir()) == []
