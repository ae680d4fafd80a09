"""Reference data of other services, of which the ledger keeps copies.

A message is the complete state of one object. ``version`` orders the states: the highest version
of an object wins, in whatever order the messages arrive. A machine's owner and prices apply from
``changed_at``, but never from before the previous version, nor from after the message's arrival,
nor from more than 90 days before it; more than 5 minutes ahead, a message becomes a dead letter.
A message without a value (a tombstone) has the object's id as its key
and deletes the object if nothing depends on it; only a later change brings it back. Unknown
fields are ignored, because these records belong to other teams, which may add some at any time.
"""

from typing import Annotated, Literal, Optional

from pydantic import ConfigDict
from typing_extensions import override

from .ids import Count, Flag, Id, Total, Uuid
from .message import Incoming
from .money import NonNegativeAmount
from .text import Text
from .times import AwareDatetime
from .topics import PLATFORM_MACHINES, PLATFORM_USERS, TRAINING_WORKS

WorkMode = Literal["training", "solving"]
WorkStatus = Literal["wait_for_server_start", "server_processing", "server_finished", "server_error"]
ColumnName = Annotated[str, Text(longest=500)]
ColumnType = Annotated[str, Text(longest=100)]


class ReferenceData(Incoming):
    """Base of all reference data."""

    model_config = ConfigDict(extra="ignore")

    id: Id
    version: Total
    changed_at: AwareDatetime

    @override
    def default_key(self) -> str:
        return str(self.id)


class User(ReferenceData):
    """A user of the platform. ``deleted`` marks an account that was closed."""

    event_type = "com.easyautoml.user.v1"
    topics = (PLATFORM_USERS,)

    email: Optional[Annotated[str, Text(longest=254, shortest=3)]] = None
    first_name: Optional[Annotated[str, Text(longest=140)]] = None
    last_name: Optional[Annotated[str, Text(longest=140)]] = None
    is_active: Flag = True
    deleted: Flag = False


class Machine(ReferenceData):
    """A machine: its owner, its columns, and the prices (USD) of the parts that are for sale.

    A price of null means not for sale, 0 means free of charge. The price of a training depends
    on the number of columns in ``dfr_columns_type_user_df`` (column name to column type).
    """

    event_type = "com.easyautoml.machine.v1"
    topics = (PLATFORM_MACHINES,)

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
    """A piece of work on a machine, in one mode and one status.

    While it waits for a server, the price of ``count_of_lines`` is set aside as ``hold``; an
    error releases it. No status charges anything: only operations do.
    """

    event_type = "com.easyautoml.work.v1"
    topics = (TRAINING_WORKS,)

    machine: Id
    operation_user: Id
    mode: WorkMode
    status: WorkStatus
    count_of_lines: Optional[Count] = None
    count_of_training_epoch: Optional[Count] = None
    hold: Optional[Uuid] = None
    hold_expires_at: Optional[AwareDatetime] = None
