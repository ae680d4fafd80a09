"""Identifiers, times and pages in paths and queries: as strict as bodies, from text."""

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
_is_whole = re.compile("0|[1-9][0-9]{0,18}").fullmatch


def _whole(value: Any) -> Any:
    if isinstance(value, str):
        if not _is_whole(value):
            raise PydanticCustomError("not_an_integer", "must be a whole number in decimal digits")
        return int(value)
    return value


def _known_kind(value: Any) -> Any:
    if value not in _KINDS:
        raise PydanticCustomError("unknown_value", "is none of the kinds of operations")
    return value


def _plus_was_meant(value: Any) -> Any:
    # In a query an unescaped "+" is a blank, which is how many clients send an offset.
    return value.replace(" ", "+") if isinstance(value, str) and " " in value[10:] else value


Id = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=LARGEST_ID)]
Limit = Annotated[int, BeforeValidator(_whole), Field(ge=1, le=PAGE_ITEMS_MAX)]
Time = Annotated[AwareDatetime, BeforeValidator(_plus_was_meant)]
Cursor = Annotated[str, StringConstraints(min_length=1, max_length=500)]


class Page(BaseModel):
    """Which page: the cursor that the page before it gave, and how many items at most."""

    model_config = ConfigDict(frozen=True)

    cursor: Cursor | None = Field(default=None, description="`next` of the page before.")
    limit: Limit = 50

    def query(self, **of: Any) -> dict[str, Any]:
        """What a cursor belongs to: everything that was asked, but for the page itself."""
        asked = self.model_dump(exclude={"cursor", "limit"}, exclude_none=True, mode="json")
        return asked | of


class OperationsQuery(Page):
    """Which operations. Times are RFC 3339; a range holds its start and not its end."""

    user: Id | None = Field(default=None, description="Who did it, or owned the machine it was done on.")
    machine: Id | None = None
    kind: Annotated[Kind, BeforeValidator(_known_kind)] | None = None
    occurred_from: Time | None = None
    occurred_to: Time | None = None
    recorded_from: Time | None = None
    recorded_to: Time | None = None


class BalancesQuery(BaseModel):
    """As of when: a time that is over, by time of recording. Without it, now."""

    model_config = ConfigDict(frozen=True)

    as_of: Time | None = None


class OverridesQuery(BaseModel):
    """Whose terms: a user's or a team's. Without either, everybody's who has any."""

    model_config = ConfigDict(frozen=True)

    user: Id | None = None
    team: Id | None = None


class StatementQuery(Page):
    """Which lines: of one account or all, recorded at or after `from` and before `to`."""

    account: AccountName | None = None
    recorded_from: Time | None = Field(default=None, alias="from")
    recorded_to: Time | None = Field(default=None, alias="to")
