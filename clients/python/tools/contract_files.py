"""Write the JSON Schema files and, on request, the AsyncAPI document and the page made from it.

    python clients/python/tools/contract_files.py [--asyncapi FILE] [--readable FILE] [--release TYPE …]

``--release operation.v1`` also copies the current schema of that type to ``released/``. From then
on the type must stay compatible with it: nothing is written while a released schema would break.
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Optional

from easyautoml_ledger import asyncapi, schemas
from easyautoml_ledger.payloads import ADAPTERS, is_incoming
from easyautoml_ledger.schemas import as_text, built, file_name, released, short_name
from tools import events_page
from tools.compatibility import breaking_changes

SCHEMAS = Path(schemas.__file__).parent


def main(arguments: Optional[list[str]] = None) -> int:
    """Write the files. Return 0, or 1 if a released schema would break."""
    parser = argparse.ArgumentParser(description="Write the files that describe the wire contracts.")
    parser.add_argument("--asyncapi", type=Path, metavar="FILE", help="write the AsyncAPI document here")
    parser.add_argument("--readable", type=Path, metavar="FILE", help="write the page for people here")
    parser.add_argument(
        "--release",
        nargs="+",
        default=[],
        metavar="TYPE",
        choices=[short_name(event_type) for event_type in ADAPTERS],
        help="copy the current schemas of these types to released/",
    )
    options = parser.parse_args(arguments)
    broken = broken_contracts()
    for sentence in broken:
        sys.stderr.write(f"{sentence}\n")
    if broken:
        return 1
    texts = built()
    for old in SCHEMAS.glob("*.json"):
        if old.name not in texts:
            old.unlink()
    for name, text in texts.items():
        (SCHEMAS / name).write_text(text, encoding="utf-8")
    for name in options.release:
        (SCHEMAS / "released" / f"{name}.json").write_text(texts[f"{name}.json"], encoding="utf-8")
    if options.asyncapi:
        options.asyncapi.write_text(as_text(asyncapi.document()), encoding="utf-8")
    if options.readable:
        options.readable.write_text(events_page.markdown(asyncapi.document()), encoding="utf-8")
    return 0


def broken_contracts() -> list[str]:
    """Return one sentence for each breaking change since the released schemas."""
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
