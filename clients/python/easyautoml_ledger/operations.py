"""What ``com.easyautoml.operation.v1`` carries: one operation of one of nine kinds.

Every kind is a frozen model of its own; ``type`` tells which. Fields that a kind does not
know are refused, because on money a misspelt field must never be ignored. Amounts are
USD for what is sold and paid in, and ``unit_price`` is in the currency that the kind is
priced in. ``operation_user`` is who did it, which for a training is not who pays: the
machine's owner is.
"""

from typing import Annotated, Any, Literal, Optional, Union

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from . import strict_json
from .errors import first_contract_error
from .ids import Count, Id, Uuid
from .money import NonNegativeAmount, PositiveAmount
from .text import Code, PaymentReference
from .times import AwareDatetime

DEFAULT_PAYMENT_PROVIDER = "default"


def _require_type(schema: dict[str, Any]) -> None:
    """Python may leave ``type`` out, because the class says it; a JSON text may not."""
    schema["properties"]["type"].pop("default", None)
    schema["required"] = ["type", *(name for name in schema["required"] if name != "type")]


class Operation(BaseModel):
    """What all kinds share. ``occurred_at`` absent means: the envelope's time."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, json_schema_extra=_require_type
    )

    type: str
    operation_user: Id
    occurred_at: Optional[AwareDatetime] = None


class OnMachine(Operation):
    """An operation on a machine. ``unit_price`` is what the publisher believes a unit costs:
    where the ledger's price differs, the operation is rejected instead of charged.
    """

    machine: Id
    unit_price: Optional[NonNegativeAmount] = None


class Training(OnMachine):
    """``count_of_lines`` rows trained on, for ``count_of_training_epoch`` epochs."""

    type: Literal["training"] = "training"
    count_of_lines: Count
    count_of_training_epoch: Optional[Count] = None
    hold: Optional[Uuid] = None


class Solving(OnMachine):
    """``count_of_lines`` rows predicted."""

    type: Literal["solving"] = "solving"
    count_of_lines: Count
    hold: Optional[Uuid] = None


class SolvingWithApi(OnMachine):
    """``count_of_lines`` rows predicted through the API of an own machine."""

    type: Literal["solving_with_api"] = "solving_with_api"
    count_of_lines: Count
    hold: Optional[Uuid] = None


class SolvingWithApiMarket(OnMachine):
    """``count_of_lines`` rows predicted through the API of somebody else's machine."""

    type: Literal["solving_with_api_market"] = "solving_with_api_market"
    count_of_lines: Count


class BuyDataSource(OnMachine):
    """The machine's data source, bought from its owner."""

    type: Literal["buy_data_source"] = "buy_data_source"


class MachineCopy(OnMachine):
    """A copy of the machine, bought from its owner."""

    type: Literal["machine_copy"] = "machine_copy"


class MachineCopyUpdate(OnMachine):
    """An update of a copy bought earlier."""

    type: Literal["machine_copy_update"] = "machine_copy_update"


class CreditFromUser(Operation):
    """``amount`` USD that the user paid in; ``payment_reference`` is the provider's."""

    type: Literal["credit_from_user"] = "credit_from_user"
    amount: PositiveAmount
    payment_reference: PaymentReference
    payment_provider: Code = DEFAULT_PAYMENT_PROVIDER


class PayABill(Operation):
    """``amount`` USD, coupons first, turned into EAML."""

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
    "training": Training,
    "solving": Solving,
    "solving_with_api": SolvingWithApi,
    "solving_with_api_market": SolvingWithApiMarket,
    "buy_data_source": BuyDataSource,
    "machine_copy": MachineCopy,
    "machine_copy_update": MachineCopyUpdate,
    "credit_from_user": CreditFromUser,
    "pay_a_bill": PayABill,
}
KINDS: tuple[str, ...] = tuple(MODEL_OF_KIND)

_validate_json = OPERATION_ADAPTER.validate_json
_validate_python = OPERATION_ADAPTER.validate_python


def parse_operation(raw: bytes) -> OperationData:
    """The operation in a JSON text; ``ContractError`` names what is wrong with it.

    Note [Duplicate keys]: pydantic's own JSON parser takes less than half the time of the strict
    one, but takes a key that stands twice. All fields are flat, so an object of n members
    has at least n - 1 commas: where commas + 1 equals the number of fields that were set,
    no key can stand twice. Anything else (a comma in a text, anything refused) is
    read again by the strict parser, which has the last word and the better errors.
    """
    try:
        operation = _validate_json(raw)
    except ValidationError:
        return operation_of(strict_json.loads(raw))
    if raw.count(b",") + 1 == len(operation.model_fields_set):
        return operation
    return operation_of(strict_json.loads(raw))


def operation_of(value: object) -> OperationData:
    """The operation in an already parsed value (amounts as ``str``, ``Decimal`` or ``int``).

    Raises ``ContractError`` with the first thing that is wrong.
    """
    try:
        return _validate_python(value)
    except ValidationError as error:
        raise first_contract_error(error, tags=MODEL_OF_KIND.keys()) from None
