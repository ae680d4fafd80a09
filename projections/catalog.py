"""Every asynchronous projection, in the order in which they are brought forward."""

from collections.abc import Sequence
from typing import Final

from projections.activity import Activity
from projections.billing import LegacyBilling
from projections.platform_balances import PlatformBalances
from projections.projection import Projection
from projections.revenue import Revenue
from projections.tariff_uses import TariffUses

PROJECTIONS: Final[Sequence[Projection]] = (
    PlatformBalances(),
    Revenue(),
    Activity(),
    LegacyBilling(),
    TariffUses(),
)


class UnknownProjection(Exception):
    """No projection has that name."""


def projection_named(name: str) -> Projection:
    """The projection of a name. Raises `UnknownProjection`, naming those that there are."""
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    known = ", ".join(projection.name for projection in PROJECTIONS)
    raise UnknownProjection(f"there is no projection {name}; there are {known}")
