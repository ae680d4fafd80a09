"""Reference data of other services, of which the ledger keeps copies.

A message is the whole state of one thing. ``version`` orders the states: of two messages
about one thing the higher version counts, whichever arrives last, and ``changed_at`` says
since when it is so. A message without a value, its key the thing's id, says that the thing is
gone: it is deleted where nothing stands against it, and only what was changed after that brings
it back. Fields that are not named here are ignored, because these records
belong to other teams and grow without asking.
"""

from typing import Annotated, Literal, Optional

from pydantic import BaseModel, ConfigDict

from .ids import Count, Flag, Id, Total, Uuid
from .money import NonNegativeAmount
from .text import Text
from .times import AwareDatetime

WorkMode = Literal["training", "solving"]
WorkStatus = Literal["wait_for_server_start", "server_processing", "server_finished", "server_error"]
ColumnName = Annotated[str, Text(longest=500)]
ColumnType = Annotated[str, Text(longest=100)]


class ReferenceData(BaseModel):
    """What all reference data shares."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    id: Id
    version: Total
    changed_at: AwareDatetime


class User(ReferenceData):
    """A user of the platform. ``deleted`` says that the account is gone."""

    email: Optional[Annotated[str, Text(longest=254, shortest=3)]] = None
    first_name: Optional[Annotated[str, Text(longest=140)]] = None
    last_name: Optional[Annotated[str, Text(longest=140)]] = None
    is_active: Flag = True
    deleted: Flag = False


class Machine(ReferenceData):
    """A machine: its owner, its columns, what of it is for sale and for how much (USD).

    A price of null means not for sale, 0 means free of charge. A training is charged by
    the number of columns in ``dfr_columns_type_user_df`` (column name to column type).
    """

    machine_owner_user: Id
    machine_owner_team: Optional[Id] = None
    machine_name: Annotated[str, Text(longest=500)] = ""
    dfr_columns_type_user_df: dict[ColumnName, ColumnType]
    machine_data_source_is_public: Flag = False
    machine_data_source_price_usd: Optional[NonNegativeAmount] = None
    machine_api_solving_is_public: Flag = False
    machine_api_solving_price_usd: Optional[NonNegativeAmount] = None
    machine_copy_price_usd: Optional[NonNegativeAmount] = None
    machine_copy_update_price_usd: Optional[NonNegativeAmount] = None
    deleted: Flag = False


class Work(ReferenceData):
    """A piece of work on a machine: one mode, one status.

    While it waits for a server it sets ``count_of_lines`` aside as ``hold``; an error gives
    that back, and no status charges anything: operations do.
    """

    machine: Id
    operation_user: Id
    mode: WorkMode
    status: WorkStatus
    count_of_lines: Optional[Count] = None
    count_of_training_epoch: Optional[Count] = None
    hold: Optional[Uuid] = None
    hold_expires_at: Optional[AwareDatetime] = None
