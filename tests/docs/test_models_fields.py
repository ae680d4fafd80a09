"""The tables have every field that the models document declares, with the options it gives."""

import ast
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.core.validators import EmailValidator, MinValueValidator
from django.db import models as django_models
from django.utils import timezone

import models
from models.consulting import CATEGORIES
from models.fields import SizedBinaryField
from models.graph import GRAPH_TYPES

DECLARED = Path(__file__).parent / "document_fields.md"

# The options that may be added to a declaration; docs/adr/0100 says to which, and why.
ADDED = {"null", "blank", "db_default", "db_index", "related_name", "serialize"}
ADDED_TO = {
    "Operation": {"db_constraint"},
    "ConsultingRequest": {"validators"},
    "Machine": {"validators"},
    "Server": {"db_index"},
}

NAMES: dict[str, Any] = {
    **{name: getattr(models, name) for name in models.__all__},
    "models": django_models,
    "Permission": Permission,
    "EmailValidator": EmailValidator,
    "MinValueValidator": MinValueValidator,
    "Decimal": Decimal,
    "uuid4": uuid4,
    "timezone": timezone,
    "CATEGORIES": CATEGORIES,
    "GRAPH_TYPES": GRAPH_TYPES,
    "SizedBinaryField": SizedBinaryField,
}


def declared() -> dict[tuple[str, str], str]:
    """Return the source of each declaration, by table and field name."""
    found: dict[tuple[str, str], str] = {}
    for table, code in re.findall(
        r"^## (\w+)\n\n```python\n(.*?)^```$", DECLARED.read_text(), re.MULTILINE | re.DOTALL
    ):
        for node in ast.parse(code).body:
            assert isinstance(node, ast.Assign)
            (target,) = node.targets
            assert isinstance(target, ast.Name)
            found[table, target.id] = ast.unparse(node.value)
    return found


@pytest.mark.parametrize(("table", "name"), list(declared()))
def test_a_declared_field_exists_with_its_options(table: str, name: str) -> None:
    """It has the same class and options, and further options only where a decision allows them."""
    source = declared()[table, name]
    call = ast.parse(source, mode="eval").body
    assert isinstance(call, ast.Call)
    given = {keyword.arg for keyword in call.keywords}
    # The document leaves null=True out where it says SET_NULL.
    complete = source.replace("on_delete=models.SET_NULL)", "on_delete=models.SET_NULL, null=True)")
    wanted = eval(complete, dict(NAMES))
    field = getattr(models, table)._meta.get_field(name)
    assert type(field) is type(wanted)
    _, path, arguments, options = field.deconstruct()
    _, wanted_path, wanted_arguments, wanted_options = wanted.deconstruct()
    assert (path, arguments) == (wanted_path, wanted_arguments)
    differing = {
        option
        for option in options.keys() | wanted_options.keys()
        if comparable(options.get(option)) != comparable(wanted_options.get(option))
    }
    assert differing <= (ADDED | ADDED_TO.get(table, set())) - (given - {"db_index"})


def test_the_whole_document_is_covered() -> None:
    """The document declares 14 tables with 122 fields."""
    tables = {table for table, _ in declared()}
    assert len(tables) == 14
    assert len(declared()) == 122


def comparable(option: Any) -> Any:
    """Return an option in a form that can be compared: references by table name, lists item by item."""
    if isinstance(option, list | tuple):
        return [comparable(each) for each in option]
    if isinstance(option, str):
        return option.lower().removeprefix("models.")
    return option
