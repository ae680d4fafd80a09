"""The base of messages that only HTTP, the administration and the command line send."""

from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from easyautoml_ledger.errors import first_contract_error


class Body(BaseModel):
    """A request: immutable, without unknown fields, its input left out of error messages."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


B = TypeVar("B", bound=BaseModel)


def read_as(body: type[B], value: object) -> B:
    """Validate a JSON value as a message. Raises `ContractError` with the first thing that is wrong."""
    try:
        return body.model_validate(value)
    except ValidationError as error:
        raise first_contract_error(error) from None
