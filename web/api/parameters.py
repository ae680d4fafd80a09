"""Parameters in paths and queries: identifiers, times and pages, checked as strictly as bodies."""

import re
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from easyautoml_ledger.ids import LARGEST_ID
from easyautoml_ledger.times import AwareDatetime
from ledger.domain.operations import Kind
from web.api.shapes import AccountName

PAGE_ITEMS_MAX: Final = 200

_KINDS: Final = frozenset(kind.value for kind in Kind)
_is_integer = re.compile("0|[1-9][0-9]{0,18}").fullmatch


def _to_integer(value: Any) -> Any:
    if isinstance(value, str):
        if not _is_integer(value):
            raise PydanticCustomError("not_an_integer", "must be a whole number in decimal digits")
        return int(value)
    return value


def _check_kind(value: Any) -> Any:
    if value not in _KINDS:
        raise PydanticCustomError("unknown_value", "is not a kind of operation")
    return value


def _restore_plus(value: Any) -> Any:
    # An unescaped "+" in a query arrives as a space, and many clients do not escape the "+" of an offset.
    return value.replace(" ", "+") if isinstance(value, str) and " " in value[10:] else value


# The limits come before the validator, or the OpenAPI document would not have them as minimum and maximum.
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_to_integer)]
Limit = Annotated[int, Field(ge=1, le=PAGE_ITEMS_MAX), BeforeValidator(_to_integer)]
Time = Annotated[AwareDatetime, BeforeValidator(_restore_plus)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Page(BaseModel):
    """A page of a list: the cursor from the previous page, and the maximum number of items."""

    model_config = ConfigDict(frozen=True)

    cursor: Cursor | None = Field(default=None, description="`next` of the previous page.")
    limit: Limit = 50

    def query(self, **of: Any) -> dict[str, Any]:
        """Return the query that a cursor belongs to: all parameters except those of the page."""
        filters = self.model_dump(exclude={"cursor", "limit"}, exclude_none=True, mode="json")
        return filters | of


class OperationsQuery(Page):
    """A filter of operations. Times are RFC 3339; a range includes its start and excludes its end."""

    user: Id | None = Field(
        default=None, description="The user of the operation, or the owner of its machine."
    )
    machine: Id | None = None
    kind: Annotated[Kind, BeforeValidator(_check_kind)] | None = None
    occurred_from: Time | None = None
    occurred_to: Time | None = None
    recorded_from: Time | None = None
    recorded_to: Time | None = None


class BalancesQuery(BaseModel):
    """The time of the balances: a past time, compared with the time of recording. Without it, now."""

    model_config = ConfigDict(frozen=True)

    as_of: Time | None = None


class OverridesQuery(BaseModel):
    """A filter of overrides by user or team. Without either, all overrides."""

    model_config = ConfigDict(frozen=True)

    user: Id | None = None
    team: Id | None = None


class StatementQuery(Page):
    """A filter of statement lines: of one account or all, recorded at or after `from` and before `to`."""

    account: AccountName | None = None
    recorded_from: Time | None = Field(default=None, alias="from")
    recorded_to: Time | None = Field(default=None, alias="to")
