"""`docs/projections.md` says what there is."""

from collections.abc import Sequence
from typing import Any

import pytest

from projections.catalog import PROJECTIONS
from projections.projection import Projection, Table
from projections.runner import Runner
from tests.docs import pages

PAGE = pages.DOCS / "projections.md"


def test_every_read_model_is_there_with_its_tables() -> None:
    """In the order of the catalogue."""
    table = pages.table(PAGE, "name", "tables", "one row for")
    assert [(row[0], row[1]) for row in table.rows] == [
        (f"`{projection.name}`", ", ".join(f"`{each.name}`" for each in projection.tables))
        for projection in PROJECTIONS
    ]


def test_the_example_is_a_projection() -> None:
    """What the page shows can be run as it stands."""
    (block,) = (each for each in pages.blocks(PAGE) if each.language == "python")
    found: dict[str, Any] = {"Table": Table}
    exec(block.text, found)
    example: Projection = found["SalesPerOwner"]()
    assert Runner([example]).projections == {"sales": example}
    tables: Sequence[Table] = example.tables
    assert [(table.name, table.key, table.columns) for table in tables] == [
        ("projections_sales", ("owner_id",), ("amount",)),
    ]


@pytest.mark.parametrize("column", [0, 1, 2])
def test_what_rebuild_takes_is_there(column: int) -> None:
    """And every row says what is made again, and how."""
    table = pages.table(PAGE, "name", "what is made again", "how")
    assert table.names()[1:] == ["balances", "records", "all"]
    assert all(row[column] for row in table.rows)
