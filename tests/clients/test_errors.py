"""Codes are stable, published and ours, and the package names what is public."""

import pickle
from types import ModuleType
from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

import easyautoml_ledger
from easyautoml_ledger.errors import _CODE_OF_PYDANTIC, CODES, ContractError


def test_no_code_of_ours_is_also_one_of_pydantics() -> None:
    """Otherwise a change of pydantic could change what a code means."""
    assert CODES & set(get_args(ErrorType)) == set()


def test_pydantics_types_are_translated_into_published_codes() -> None:
    """And only types that exist are."""
    assert set(_CODE_OF_PYDANTIC.values()) <= CODES
    assert set(_CODE_OF_PYDANTIC) <= set(get_args(ErrorType))


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (ContractError("missing_field", "is required", "machine"), "missing_field (machine): is required"),
        (ContractError("empty_value", "the message has no value"), "empty_value: the message has no value"),
    ],
)
def test_an_error_is_one_readable_line(error: ContractError, text: str) -> None:
    """It can also cross a process's border."""
    assert str(error) == text
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.code, copied.message, copied.field) == (error.code, error.message, error.field)


def test_the_package_exports_what_it_names() -> None:
    """Nothing public is missing from `__all__`, and nothing in it is missing."""
    public = {
        name
        for name, value in vars(easyautoml_ledger).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(easyautoml_ledger.__all__)
