"""Links between documents lead somewhere, and every document can be found."""

import re
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.docs import pages

PAGES: Final = [
    pages.README,
    pages.ROOT / "CHANGELOG.md",
    pages.ROOT / "clients" / "python" / "README.md",
    *sorted(pages.DOCS.rglob("*.md")),
]
INDEX: Final = pages.DOCS / "README.md"


def _name(page: Path) -> str:
    return str(page.relative_to(pages.ROOT))


@pytest.mark.parametrize("page", PAGES, ids=_name)
def test_every_link_leads_to_a_file_and_a_heading_that_exist(page: Path) -> None:
    """Links to the web are left alone."""
    for link in pages.links(page):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), link
        assert file.is_relative_to(pages.ROOT), link
        if anchor:
            assert anchor in pages.anchors(file), link


def test_every_document_is_in_the_index() -> None:
    """`docs/README.md` has a line for each page beside it."""
    listed = {(INDEX.parent / link.partition("#")[0]).resolve() for link in pages.links(INDEX)}
    missing = [page.name for page in pages.DOCS.glob("*.*") if page != INDEX and page.resolve() not in listed]
    assert not missing, f"docs/README.md needs a line for {', '.join(missing)}"


def test_the_readme_leads_to_every_way_on() -> None:
    """To the index, to the changelog, and to what a publisher or an operator reads first."""
    leads_to = {(pages.ROOT / link.partition("#")[0]).resolve() for link in pages.links(pages.README)}
    for wanted in ("README.md", "architecture.md", "accounting.md", "http.md", "running.md", "models.md"):
        assert pages.DOCS / wanted in leads_to
    assert pages.ROOT / "CHANGELOG.md" in leads_to


def test_words_of_the_glossary_are_in_order_and_stand_once() -> None:
    """So that a word is found, and has one meaning."""
    words = pages.table(pages.DOCS / "glossary.md", "word", "what it means here").names()
    assert words == sorted(set(words), key=str.casefold)


def test_the_changelog_has_what_is_not_released_yet_on_top() -> None:
    """In the form of Keep a Changelog: known headings, a line or more under each."""
    text = (pages.ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    versions = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert versions[0] == "[Unreleased]"
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, re.MULTILINE)) <= kinds
    for section in re.split(r"^### .+$", text, flags=re.MULTILINE)[1:]:
        assert section.strip().startswith("- ")


def test_the_hook_runs_what_ci_runs() -> None:
    """One local hook: `make check`, on the whole tree."""
    hooks = yaml.safe_load((pages.ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    ((hook,),) = (repository["hooks"] for repository in hooks["repos"])
    assert (hook["entry"], hook["language"], hook["pass_filenames"]) == ("make check", "system", False)
    assert "make check" in (pages.ROOT / ".ci" / "run").read_text(encoding="utf-8")
