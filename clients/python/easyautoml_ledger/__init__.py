"""Client of the billing ledger for other services: contracts, envelope, publishers, listeners."""

from .envelope import CloudEvent
from .errors import ContractError
from .operations import (
    KINDS,
    BuyDataSource,
    CreditFromUser,
    MachineCopy,
    MachineCopyUpdate,
    OperationData,
    PayABill,
    Solving,
    SolvingWithApi,
    SolvingWithApiMarket,
    Training,
)

__all__ = [
    "KINDS",
    "BuyDataSource",
    "CloudEvent",
    "ContractError",
    "CreditFromUser",
    "MachineCopy",
    "MachineCopyUpdate",
    "OperationData",
    "PayABill",
    "Solving",
    "SolvingWithApi",
    "SolvingWithApiMarket",
    "Training",
]
