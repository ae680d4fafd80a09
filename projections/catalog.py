"""All asynchronous projections, in the order in which the runner updates them."""

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
    """There is no projection of this name."""


def projection_named(name: str) -> Projection:
    """Return a projection by name. Raises `UnknownProjection`, which lists the known names."""
    for projection in PROJECTIONS:
        if projection.name == name:
            return projection
    known = ", ".join(projection.name for projection in PROJECTIONS)
    raise UnknownProjection(f"there is no projection {name}; there are {known}")
