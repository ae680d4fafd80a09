"""Array literals are read back unchanged, whatever their texts contain."""

from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from events.arrays import binaries, numbers, texts

pytestmark = pytest.mark.django_db

any_text = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\0"), max_size=20)
in_database = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def read_back(literal: str, kind: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(f"select %s::{kind}[]", [literal])
        return cursor.fetchone()[0]


@in_database
@given(st.lists(any_text, max_size=5))
@example(["", "NULL", "null", "{}", ",", '"', "\\", '\\"', " a ", "\n\t", "'", "%s", "ü\u2028"])
def test_texts_are_read_back_unchanged(values: list[str]) -> None:
    """With quotes, backslashes, commas, braces, the word NULL, or nothing in them."""
    assert read_back(texts(values), "text") == values


@in_database
@given(st.lists(st.binary(max_size=33), max_size=3))
def test_bytes_are_read_back_unchanged(values: list[bytes]) -> None:
    """Whatever the bytes are."""
    assert [bytes(value) for value in read_back(binaries(values), "bytea")] == values


def test_values_without_quotes_are_read_back_unchanged() -> None:
    """Integers, amounts, UUIDs."""
    assert read_back(numbers([1, -5, 2**63 - 1]), "bigint") == [1, -5, 2**63 - 1]
    assert read_back(numbers(["0.00000001"]), "numeric") == [Decimal("0.00000001")]
    ids = [uuid4(), uuid4()]
    assert read_back(numbers(ids), "uuid") == ids
    assert read_back(numbers([]), "bigint") == []
