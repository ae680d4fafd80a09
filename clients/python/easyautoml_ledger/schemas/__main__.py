"""Writes the JSON Schema files and, where told, the AsyncAPI document and the page made of it.

    python -m easyautoml_ledger.schemas [--asyncapi FILE] [--readable FILE] [--release TYPE …]

``--release operation.v1`` copies the current schema of that type to ``released/``: from
then on it must stay compatible. A breaking change of a released schema is refused.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Optional

from easyautoml_ledger import asyncapi, readable
from easyautoml_ledger.compatibility import breaking_changes
from easyautoml_ledger.payloads import ADAPTERS
from easyautoml_ledger.schemas import as_text, built, file_name, released, short_name
from easyautoml_ledger.topics import is_incoming

HERE = Path(__file__).parent


def main(arguments: Optional[list[str]] = None) -> int:
    """Exit status 0, or 1 where a released schema would be broken."""
    parser = argparse.ArgumentParser(prog="python -m easyautoml_ledger.schemas")
    parser.add_argument("--asyncapi", type=Path, metavar="FILE")
    parser.add_argument("--readable", type=Path, metavar="FILE")
    parser.add_argument(
        "--release",
        nargs="+",
        default=[],
        metavar="TYPE",
        choices=[short_name(event_type) for event_type in ADAPTERS],
    )
    chosen = parser.parse_args(arguments)
    problems = broken()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    if problems:
        return 1
    texts = built()
    for old in HERE.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (HERE / name).write_text(text, encoding="utf-8")
    for name in chosen.release:
        (HERE / "released" / f"{name}.json").write_text(texts[f"{name}.json"], encoding="utf-8")
    if chosen.asyncapi:
        chosen.asyncapi.write_text(as_text(asyncapi.document()), encoding="utf-8")
    if chosen.readable:
        chosen.readable.write_text(readable.page(asyncapi.document()), encoding="utf-8")
    return 0


def broken() -> list[str]:
    """Every breaking change against the released schemas, as a sentence each."""
    texts, types = built(), {file_name(event_type): event_type for event_type in ADAPTERS}
    found = []
    for name, text in released().items():
        if name not in texts:
            found.append(f"{name}: the type was removed")
            continue
        changes = breaking_changes(
            released=json.loads(text),
            current=json.loads(texts[name]),
            incoming=is_incoming(types[name]),
        )
        found += [f"{name}: {change}" for change in changes]
    return found


if __name__ == "__main__":
    sys.exit(main())
