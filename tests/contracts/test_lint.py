"""The OpenAPI and AsyncAPI documents satisfy the linters that their users run. Every warning counts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from tests.contracts.conftest import DOCS, Document, Run, read

OPENAPI: Final = "openapi.json"
ASYNCAPI: Final = "asyncapi.json"
REDOCLY: Final = ("redocly", "lint", "--config", "redocly.yaml")
SPECTRAL: Final = ("spectral", "lint", "--fail-severity", "warn", "--ruleset", "spectral.yaml")
PARSER: Final = ("node", "asyncapi.mjs")
RE2: Final = ("node", "patterns.mjs")

LINTERS: Final = [
    (OPENAPI, REDOCLY),
    (OPENAPI, SPECTRAL),
    (OPENAPI, RE2),
    (ASYNCAPI, SPECTRAL),
    (ASYNCAPI, PARSER),
    (ASYNCAPI, RE2),
]


@pytest.mark.parametrize(("name", "linter"), LINTERS)
def test_the_document_is_clean(run: Run, name: str, linter: tuple[str, ...]) -> None:
    """No error and no warning."""
    done = run(*linter, DOCS / name)
    assert done.returncode == 0, done.stdout + done.stderr


def _without_servers(document: Document) -> None:
    document.pop("servers")


def _with_an_undeclared_tag(document: Document) -> None:
    document["tags"].pop()


def _with_ge(document: Document) -> None:
    schema = document["paths"]["/v1/users/{user}/dues"]["get"]["parameters"][0]["schema"]
    schema["ge"] = schema.pop("minimum")


def _with_a_look_ahead(document: Document) -> None:
    document["components"]["schemas"]["AmountText"]["pattern"] = "^(?=.*[1-9])[0-9.]+$"


def _with_unicode_escapes(document: Document) -> None:
    document["components"]["schemas"]["AmountText"]["pattern"] = r"^[^\u0000]*$"


def _with_an_unknown_channel(document: Document) -> None:
    next(iter(document["operations"].values()))["channel"]["$ref"] = "#/channels/nowhere"


@pytest.mark.parametrize(
    ("name", "linter", "broken", "said"),
    [
        (OPENAPI, REDOCLY, _without_servers, "Servers must be present"),
        (OPENAPI, REDOCLY, _with_ge, "Property `ge` is not expected here"),
        (OPENAPI, SPECTRAL, _with_an_undeclared_tag, "operation-tag-defined"),
        (OPENAPI, RE2, _with_a_look_ahead, "unsupported Perl syntax"),
        (OPENAPI, RE2, _with_unicode_escapes, "invalid escape sequence"),
        (ASYNCAPI, SPECTRAL, _without_servers, "asyncapi-servers"),
        (ASYNCAPI, PARSER, _with_an_unknown_channel, "nowhere"),
    ],
)
def test_a_fault_is_found(
    run: Run,
    tmp_path: Path,
    name: str,
    linter: tuple[str, ...],
    broken: Callable[[Document], None],
    said: str,
) -> None:
    """A linter that reads nothing would also be satisfied."""
    document = read(name)
    broken(document)
    (tmp_path / name).write_text(json.dumps(document), encoding="utf-8")
    done = run(*linter, tmp_path / name)
    assert done.returncode != 0
    assert said in done.stdout + done.stderr
