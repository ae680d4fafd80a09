"""Tariffs on the command line: shown, changed in a file, proposed, approved by a second person."""

import json
from pathlib import Path
from typing import Any

import pytest

from events.models import Event
from ledger.domain.tariff import DEFAULT_TERMS
from ledger.models import PublishedTariff
from models import User
from tests.builders import counts
from tests.ledger.management.test_four_eyes import make_person, refused, said

pytestmark = pytest.mark.django_db(transaction=True)

WHY = ("--reason-code", "prices", "--reason", "dearer servers")


@pytest.fixture
def anna() -> User:
    return make_person("anna@example.com")


@pytest.fixture
def bert() -> User:
    return make_person("bert@example.com")


def file_of(folder: Path, terms: Any) -> Path:
    path = folder / "terms.json"
    path.write_text(terms if isinstance(terms, str) else json.dumps(terms), encoding="utf-8")
    return path


def test_terms_are_shown_changed_proposed_and_published(tmp_path: Path, anna: User, bert: User) -> None:
    """The output of `show` is the input of `propose`."""
    terms = json.loads(said("tariffs", "show", 1))
    assert terms == DEFAULT_TERMS
    changed = file_of(tmp_path, {**terms, "solving_line_eaml": "0.0002"})
    line = said("tariffs", "propose", changed, *WHY, "--as", anna.email)
    proposal = line.split()[1]
    approved = said("proposals", "approve", proposal, "--as", bert.email)
    assert approved.startswith("tariff published: ")
    assert json.loads(said("tariffs", "show", 2))["solving_line_eaml"] == "0.00020000"
    event = Event.objects.latest("position")
    assert (event.data["proposer"], event.data["resolver"]) == (f"user:{anna.pk}", f"user:{bert.pk}")
    first, second = said("tariffs", "list").splitlines()
    assert (first.split()[0], second.split()[0]) == ("2", "1")
    assert "  everyone  " in first


def test_an_override_has_some_of_the_terms(tmp_path: Path, anna: User, bert: User, user: User) -> None:
    """It takes effect at the given time."""
    some = file_of(tmp_path, {"solving_line_eaml": "0.00005"})
    options = ("--user", user.pk, "--from", "2126-01-01T00:00:00Z", *WHY, "--as", anna.email)
    proposal = said("tariffs", "propose", some, *options).split()[1]
    said("proposals", "approve", proposal, "--as", bert.email)
    row = PublishedTariff.objects.get(version=2)
    assert (row.user_id, row.effective_from.year) == (user.pk, 2126)
    assert said("tariffs", "list").splitlines()[0].split("  ")[1:3] == [
        "from 2126-01-01 00:00Z",
        f"user {user.pk}",
    ]


def test_dry_run_proposes_nothing(tmp_path: Path, anna: User) -> None:
    before = counts()
    line = said(
        "tariffs", "propose", file_of(tmp_path, dict(DEFAULT_TERMS)), *WHY, "--as", anna.email, "--dry-run"
    )
    assert line == "would be proposal made\n"
    assert counts() == before


@pytest.mark.parametrize(
    ("terms", "options", "said_"),
    [
        ({"solving_line_eaml": "1"}, (), "missing_field: terms.training_cell_eaml: "),
        ({**DEFAULT_TERMS, "commission_rate": "2"}, (), "out_of_range: terms.commission_rate: "),
        (dict(DEFAULT_TERMS), ("--from", "2026-01-01T00:00:00Z"), "effective_in_the_past: "),
        ({}, ("--team", 10**12), "unknown_team: "),
        ("{", (), ""),
    ],
)
def test_invalid_terms_are_refused(
    tmp_path: Path, anna: User, terms: Any, options: tuple[object, ...], said_: str
) -> None:
    """With the same code as over HTTP; for a file that is not JSON, with its name."""
    path = file_of(tmp_path, terms)
    refusal = refused("tariffs", "propose", path, *options, *WHY, "--as", anna.email)
    assert refusal.startswith(said_ or f"{path}: ")
    assert PublishedTariff.objects.count() == 1


def test_unknown_version_and_file_are_refused(tmp_path: Path, anna: User) -> None:
    assert refused("tariffs", "show", 7) == "there is no tariff version 7"
    missing = tmp_path / "missing.json"
    assert refused("tariffs", "propose", missing, *WHY, "--as", anna.email).startswith(f"{missing}: ")
