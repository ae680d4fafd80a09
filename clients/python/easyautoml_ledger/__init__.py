"""Client of the billing ledger for other services: contracts, envelope, publishers, listeners."""

from . import operations
from .envelope import CloudEvent
from .errors import ContractError
from .operations import *  # noqa: F403 (the names in `operations.__all__`)

__all__ = ["CloudEvent", "ContractError"]
__all__ += operations.__all__
