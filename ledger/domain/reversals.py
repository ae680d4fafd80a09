"""The reversed part of an operation, and the splitting of a further part over the legs that are left."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from ledger.domain.chart import Transfer, owner_of
from ledger.domain.money import QUANTUM, ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversed:
    """The part of an operation that was taken back. Amounts have 8 decimals.

    `total` is what the payer paid and `amount` how much of it came back. `legs` says how much of each
    transfer (by its number, from 1) was taken back, `grants` how much of each grant.
    """

    operation: str
    total: Decimal
    amount: Decimal = ZERO
    legs: Mapping[int, Decimal] = field(default_factory=dict)
    grants: Mapping[str, Decimal] = field(default_factory=dict)
    dispute: str | None = None
    """The operation that charged the payment back, if there was a dispute."""

    @property
    def left(self) -> Decimal:
        """Return the amount that can still be reversed."""
        return self.total - self.amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Original:
    """The operation that is reversed, as in its event."""

    id: str
    type: str
    data: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """Return the kind of the operation."""
        kind: str = self.data["kind"]
        return kind

    @property
    def transfers(self) -> list[Transfer]:
        """Return the transfers in the recorded order."""
        return [
            Transfer(each["debit"], each["credit"], each["currency"], Decimal(each["amount"]))
            for each in self.data["transfers"]
        ]

    @property
    def users(self) -> tuple[int, ...]:
        """Return the payer and the users whose accounts the operation touched."""
        codes = [code for transfer in self.transfers for code in (transfer.debit, transfer.credit)]
        owners = [owner for owner in map(owner_of, codes) if owner is not None]
        return tuple(dict.fromkeys([self.data["payer"], *owners]))


def split(part: Decimal, left: Sequence[Decimal]) -> list[Decimal]:
    """Split a part of Σ `left` over the legs by largest remainder. The result adds up to the part exactly.

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
