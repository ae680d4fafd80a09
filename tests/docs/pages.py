"""Reads documents: their fenced blocks, tables, headings and links."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
README: Final = ROOT / "README.md"
DOCS: Final = ROOT / "docs"

_FENCE = re.compile(r"^```(?P<language>\w*)\n(?P<text>.*?)^```$", re.DOTALL | re.MULTILINE)
_TABLE = re.compile(r"(?:^\|.*\|\n)+", re.MULTILINE)
_HEADING = re.compile(r"^#{1,6} (?P<text>.+)$", re.MULTILINE)
_LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_CODE: Final = re.compile("`[^`\n]+`")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A fenced block and its first line in the page."""

    line: int
    language: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table: its stripped cells, and the last paragraph before it as one line."""

    before: str
    header: tuple[str, ...]
    rows: list[tuple[str, ...]]

    def by_name(self) -> dict[str, str]:
        """Return the second cell of each row by its first."""
        return {row[0]: row[1] for row in self.rows}

    def names(self) -> list[str]:
        """Return the first cell of each row without backticks."""
        return [row[0].strip("`") for row in self.rows]


def blocks(page: Path) -> list[Block]:
    """Return every fenced block of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(line=text.count("\n", 0, found.start()) + 1, language=found["language"], text=found["text"])
        for found in _FENCE.finditer(text)
    ]


def prose(page: Path) -> str:
    """Return a page without its fenced blocks."""
    return _FENCE.sub("", page.read_text(encoding="utf-8"))


def tables(page: Path) -> Iterator[Table]:
    """Yield every table of a page, in order."""
    text = prose(page)
    for found in _TABLE.finditer(text):
        header, _, *rows = (_cells(line) for line in found[0].splitlines())
        before = text[: found.start()].rstrip().rpartition("\n\n")[2]
        yield Table(before=" ".join(before.split()), header=header, rows=rows)


def table(page: Path, *header: str) -> Table:
    """Return the only table of a page with this header."""
    (found,) = (each for each in tables(page) if each.header == header)
    return found


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings of a page, as GitHub generates them."""
    names: set[str] = set()
    for found in _HEADING.finditer(prose(page)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", found["text"]).lower()
        name = re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")
        count = sum(1 for known in names if known == name or re.fullmatch(re.escape(name) + r"-\d+", known))
        names.add(name if not count else f"{name}-{count}")
    return names


def links(page: Path) -> list[str]:
    """Return the targets of the links of a page, as they are written."""
    return [found["target"] for found in _LINK.finditer(_CODE.sub("code", prose(page)))]


def _cells(line: str) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in line.strip().strip("|").split("|"))
