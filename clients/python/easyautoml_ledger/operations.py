"""The payload of ``com.easyautoml.operation.v1``: one operation.

Each kind is a frozen model, named by ``type``. Unknown fields are refused, because a misspelt
field must never be ignored where money is concerned. ``amount`` is in USD, and ``unit_price``
in the currency that the kind is priced in. ``operation_user`` ran the operation; a training is
paid by the machine's owner instead.
"""

from typing import Annotated, Any, Literal, Optional, Union, get_args

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError
from typing_extensions import override

from . import strict_json
from .errors import first_contract_error
from .ids import Count, Id, Uuid
from .message import Incoming
from .money import NonNegativeAmount, PositiveAmount
from .text import Code, PaymentReference
from .times import AwareDatetime
from .topics import MARKETPLACE_OPERATIONS, TRAINING_OPERATIONS

__all__ = [
    "DEFAULT_PAYMENT_PROVIDER",
    "KINDS",
    "MODEL_OF_KIND",
    "OPERATION_ADAPTER",
    "BuyDataSource",
    "CreditFromUser",
    "MachineCopy",
    "MachineCopyUpdate",
    "MachineOperation",
    "Operation",
    "OperationData",
    "PayABill",
    "Solving",
    "SolvingWithApi",
    "SolvingWithApiMarket",
    "Training",
    "operation_of",
    "parse_operation",
]

DEFAULT_PAYMENT_PROVIDER = "default"


def _require_type(schema: dict[str, Any]) -> None:
    """Make ``type`` required in JSON. In Python the class implies it."""
    schema["properties"]["type"].pop("default", None)
    schema["required"] = ["type", *(name for name in schema["required"] if name != "type")]


class Operation(Incoming):
    """Base of all kinds. Without ``occurred_at``, the time of the envelope counts."""

    model_config = ConfigDict(json_schema_extra=_require_type)

    event_type = "com.easyautoml.operation.v1"

    type: str
    operation_user: Id
    occurred_at: Optional[AwareDatetime] = None

    @override
    def default_key(self) -> str:
        return str(self.operation_user)


class MachineOperation(Operation):
    """Base of operations on a machine. ``unit_price`` is the price of a unit that the publisher
    expects: if the ledger's price differs, the operation is rejected.
    """

    machine: Id
    unit_price: Optional[NonNegativeAmount] = None


class Training(MachineOperation):
    """A training on ``count_of_lines`` rows for ``count_of_training_epoch`` epochs."""

    topics = (TRAINING_OPERATIONS,)

    type: Literal["training"] = "training"
    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    hold: Optional[Uuid] = None

    @override
    def default_key(self) -> str:
        raise ValueError("pass key: a training is paid by the machine's owner")


class Solving(MachineOperation):
    """A prediction of ``count_of_lines`` rows."""

    topics = (TRAINING_OPERATIONS,)

    type: Literal["solving"] = "solving"
    count_of_lines: Count
    hold: Optional[Uuid] = None


class SolvingWithApi(MachineOperation):
    """A prediction of ``count_of_lines`` rows through the API of the user's own machine."""

    topics = (TRAINING_OPERATIONS,)

    type: Literal["solving_with_api"] = "solving_with_api"
    count_of_lines: Count
    hold: Optional[Uuid] = None


class SolvingWithApiMarket(MachineOperation):
    """A prediction of ``count_of_lines`` rows through the API of another user's machine."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["solving_with_api_market"] = "solving_with_api_market"
    count_of_lines: Count


class BuyDataSource(MachineOperation):
    """The purchase of the machine's data source from its owner."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["buy_data_source"] = "buy_data_source"


class MachineCopy(MachineOperation):
    """The purchase of a copy of the machine from its owner."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["machine_copy"] = "machine_copy"


class MachineCopyUpdate(MachineOperation):
    """The purchase of an update of a copy bought earlier."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["machine_copy_update"] = "machine_copy_update"


class CreditFromUser(Operation):
    """A payment of ``amount`` USD by the user, with the provider's ``payment_reference``."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["credit_from_user"] = "credit_from_user"
    amount: PositiveAmount
    payment_reference: PaymentReference
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class PayABill(Operation):
    """A conversion of ``amount`` USD into EAML. Coupons are used first."""

    topics = (MARKETPLACE_OPERATIONS,)

    type: Literal["pay_a_bill"] = "pay_a_bill"
    amount: PositiveAmount


OperationData = Annotated[
    Union[
        Training,
        Solving,
        SolvingWithApi,
        SolvingWithApiMarket,
        BuyDataSource,
        MachineCopy,
        MachineCopyUpdate,
        CreditFromUser,
        PayABill,
    ],
    Field(discriminator="type"),
]
OPERATION_ADAPTER: TypeAdapter[OperationData] = TypeAdapter(OperationData)

MODEL_OF_KIND: dict[str, type[Operation]] = {
    model.model_fields["type"].default: model for model in get_args(get_args(OperationData)[0])
}
KINDS: tuple[str, ...] = tuple(MODEL_OF_KIND)

_validate_json = OPERATION_ADAPTER.validate_json
_validate_python = OPERATION_ADAPTER.validate_python


def parse_operation(raw: bytes) -> OperationData:
    """Return the operation in a JSON text. Raises ``ContractError``.

    Note [Duplicate keys]: pydantic's JSON parser needs less than half the time of the strict
    one, but accepts repeated keys. All fields are flat, so an object of n members has at
    least n - 1 commas: if commas + 1 equals the number of fields that were set, no key is
    repeated. Everything else (a comma in a string, or any error) is parsed again by the strict
    parser, which decides and has the better error messages.
    """
    try:
        operation = _validate_json(raw)
    except ValidationError:
        return operation_of(strict_json.loads(raw))
    if raw.count(b",") + 1 == len(operation.model_fields_set):
        return operation
    return operation_of(strict_json.loads(raw))


def operation_of(value: object) -> OperationData:
    """Return the operation in parsed JSON (amounts as ``str``, ``Decimal`` or ``int``).

    Raises ``ContractError`` for the first error.
    """
    try:
        return _validate_python(value)
    except ValidationError as error:
        raise first_contract_error(error, tags=MODEL_OF_KIND.keys()) from None
