"""`docs/projections.md` matches the code."""

from collections.abc import Sequence
from typing import Any

import pytest

from projections.catalog import PROJECTIONS
from projections.projection import Projection, Table
from projections.runner import Runner
from tests.docs import pages

PAGE = pages.DOCS / "projections.md"


def test_every_read_model_is_documented_with_its_tables() -> None:
    """The order is that of the catalogue."""
    table = pages.table(PAGE, "name", "tables", "one row for")
    assert [(row[0], row[1]) for row in table.rows] == [
        (f"`{projection.name}`", ", ".join(f"`{each.name}`" for each in projection.tables))
        for projection in PROJECTIONS
    ]


def test_the_example_is_a_projection() -> None:
    """The code on the page can be executed."""
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
def test_every_argument_of_rebuild_is_documented(column: int) -> None:
    """Every row has a description."""
    table = pages.table(PAGE, "name", "rebuilds", "how")
    assert table.names()[1:] == ["balances", "records", "all"]
    assert all(row[column] for row in table.rows)
