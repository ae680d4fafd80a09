"""Compares rates that were measured in turns: ratios row by row, and what counts as slower."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Rates: TypeAlias = Mapping[str, float]
"""Operations or events a second, by the name of the row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """Three runs after each other: of this checkout, of the other, and of the other again."""

    this: Rates
    other: Rates
    again: Rates


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case in all turns: the rates of both checkouts, and the other's rates when it was run again."""

    name: str
    this: Sequence[float]
    other: Sequence[float]
    again: Sequence[float]

    @property
    def ratios(self) -> list[float]:
        """The rate of this checkout by that of the other, turn by turn: above 1 this one is faster."""
        return _ratios(self.this, self.other)

    @property
    def noise(self) -> list[float]:
        """The same for two runs of one commit."""
        return _ratios(self.again, self.other)

    def is_slower(self, limit: float) -> bool:
        return median(self.ratios) < limit

    def cells(self) -> list[str]:
        return [
            self.name,
            f"{median(self.this):,.0f}",
            f"{median(self.other):,.0f}",
            f"{median(self.ratios):.3f}",
            _spread(self.ratios),
            f"{median(self.noise):.3f}",
            _spread(self.noise),
        ]

    def explain(self, limit: float) -> str:
        """Return the sentence for a row that is slower."""
        return (
            f"slower: {self.name}: {median(self.ratios):.3f} of the other checkout, below {limit:g}"
            f" (two runs of the other: {median(self.noise):.3f}, {_spread(self.noise)})"
        )


def compare(turns: Sequence[Turn]) -> list[Row]:
    """Return a row for each case that every run measured, in the order of this checkout."""
    common = set.intersection(*(set(rates) for rates in _runs(turns)))
    return [
        Row(
            name=name,
            this=[turn.this[name] for turn in turns],
            other=[turn.other[name] for turn in turns],
            again=[turn.again[name] for turn in turns],
        )
        for name in turns[0].this
        if name in common
    ]


def not_compared(turns: Sequence[Turn]) -> list[str]:
    """Return the names of cases that only some of the runs measured: added, removed or renamed ones."""
    runs = _runs(turns)
    names = dict.fromkeys(name for rates in runs for name in rates)
    return [name for name in names if not all(name in rates for rates in runs)]


def table(rows: Sequence[Row]) -> list[str]:
    """Return the table in Markdown."""
    head = ["case", "this", "other", "this / other", "least to most", "noise", "least to most"]
    lines = [head, ["---"] * len(head), *(row.cells() for row in rows)]
    return [f"| {' | '.join(cells)} |" for cells in lines]


def _runs(turns: Sequence[Turn]) -> list[Rates]:
    return [rates for turn in turns for rates in (turn.this, turn.other, turn.again)]


def _ratios(rates: Sequence[float], by: Sequence[float]) -> list[float]:
    return [rate / base for rate, base in zip(rates, by, strict=True)]


def _spread(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.3f} to {max(ratios):.3f}"
