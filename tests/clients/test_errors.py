"""Error codes are stable and published, and `__all__` lists the public names."""

import pickle
from types import ModuleType
from typing import get_args

import pytest
from pydantic_core.core_schema import ErrorType

import easyautoml_ledger
from easyautoml_ledger.errors import _CODE_OF_PYDANTIC, CODES, ContractError


def test_no_code_of_ours_is_also_one_of_pydantics() -> None:
    """Otherwise a change of pydantic could change the meaning of a code."""
    assert CODES & set(get_args(ErrorType)) == set()


def test_pydantics_types_are_translated_into_published_codes() -> None:
    """Every translated type exists in pydantic."""
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
    """It can be pickled too."""
    assert str(error) == text
    copied = pickle.loads(pickle.dumps(error))
    assert (copied.code, copied.message, copied.field) == (error.code, error.message, error.field)


def test_all_lists_every_public_name() -> None:
    """`__all__` has the public names of the package, and no others."""
    public = {
        name
        for name, value in vars(easyautoml_ledger).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }
    assert public == set(easyautoml_ledger.__all__)
