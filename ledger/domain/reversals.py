"""What of an operation was reversed, and how a part is split over the legs of what is left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ledger.domain.chart import Transfer, owner_of
from ledger.domain.money import QUANTUM, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """How much of an operation was taken back. Amounts have 8 decimals.

    `total` is what the payer paid and `amount` how much of it came back; `legs` is how much of each
    transfer (by its number, from 1) was taken back, `grants` how much of each grant.
    """

    operation: str
    total: Decimal
    amount: Decimal = ZERO
    legs: Mapping[int, Decimal] = field(default_factory=dict)
    grants: Mapping[str, Decimal] = field(default_factory=dict)

    @property
    def left(self) -> Decimal:
        """What can still be reversed."""
        return self.total - self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The operation that is reversed, as its event says."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """What was recorded."""
        kind: str = self.data["kind"]
        return kind

    @property
    def transfers(self) -> list[Transfer]:
        """Its transfers, in the recorded order."""
        return [
            Transfer(each["debit"], each["credit"], each["currency"], Decimal(each["amount"]))
            for each in self.data["transfers"]
        ]

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts it touched."""
        codes = [code for transfer in self.transfers for code in (transfer.debit, transfer.credit)]
        owners = [owner for owner in map(owner_of, codes) if owner is not None]
        return tuple(dict.fromkeys([self.data["payer"], *owners]))


def split(part: Decimal, left: Sequence[Decimal]) -> list[Decimal]:
    """A part of Σ left over the legs, by largest remainder; Σ of the answer is the part exactly.

    No leg gets more than is left of it. Ties go to the earlier leg.
    """
    units, wanted = [_units(leg) for leg in left], _units(part)
    total = sum(units)
    shares = [wanted * unit // total for unit in units]
    by_remainder = sorted(range(len(units)), key=lambda n: (-(wanted * units[n] % total), n))
    for n in by_remainder[: wanted - sum(shares)]:
        shares[n] += 1
    return [share * QUANTUM for share in shares]


def _units(amount: Decimal) -> int:
    return int(amount.scaleb(8))
