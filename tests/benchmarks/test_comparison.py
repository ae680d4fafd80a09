"""Ratios of pairs, their medians, and which of them fail the check."""

from collections.abc import Sequence
from typing import Final

import pytest

from benchmarks.check import judge
from benchmarks.checkout import read_rates
from benchmarks.comparison import Rates, Turn, compare, table
from tests.benchmarks.checkouts import recorded

KAFKA: Final = "Kafka in → committed, 1 worker"
RELAY: Final = "relay out to the broker"


def _turns(ratios: Sequence[float], noise: Sequence[float] = (1, 1, 1, 1, 1), row: str = KAFKA) -> list[Turn]:
    """Turns of the recorded rates, with one row of this checkout and of the second run changed."""
    rates = read_rates(recorded())
    return [
        Turn(this=_times(rates, row, ratio), other=rates, again=_times(rates, row, differs))
        for ratio, differs in zip(ratios, noise, strict=True)
    ]


def _times(rates: Rates, row: str, factor: float) -> Rates:
    return {**rates, row: rates[row] * factor}


def test_every_case_is_read_from_what_a_run_printed() -> None:
    """Engine, Kafka in, HTTP and relay; not the limit, and nothing that is measured in milliseconds."""
    rates = read_rates(recorded())
    assert list(rates) == [
        "engine, 1,000 a batch, 1 worker",
        "engine, 1,000 a batch, 2 workers",
        "engine, 1,000 a batch, 2 workers on the same users",
        "engine, 100 a batch, 1 worker",
        "engine, 10 a batch, 1 worker",
        "engine, 1 a batch, 1 worker",
        "engine, 1 a batch, 2 workers",
        "engine, one hot user, 1,000 a batch",
        "engine, 100 machine owners, 1,000 a batch",
        "engine, one hot machine owner, 1,000 a batch",
        KAFKA,
        "HTTP bulk, lists of 1,000, 1 client",
        "HTTP single, 16 clients",
        "HTTP single, 16 clients, beside Kafka ingest",
        RELAY,
    ]
    assert rates["engine, 1,000 a batch, 1 worker"] == 7581
    assert list(read_rates(recorded(), ["kafka", "relay"])) == [KAFKA, RELAY]


def test_the_median_of_the_pairs_decides() -> None:
    """Two slow pairs of five are noise, three are a loss."""
    by_name = {row.name: row for row in compare(_turns([0.5, 1.0, 0.6, 1.0, 1.0]))}
    assert not by_name[KAFKA].is_slower(0.97)
    by_name = {row.name: row for row in compare(_turns([0.5, 1.0, 0.6, 0.9, 1.0]))}
    assert by_name[KAFKA].is_slower(0.97)
    assert not by_name[RELAY].is_slower(0.97)


def test_a_median_at_the_limit_passes() -> None:
    """Only what is below it fails."""
    turns = [Turn(this={KAFKA: 97.0}, other={KAFKA: 100.0}, again={KAFKA: 100.0})]
    (row,) = compare(turns)
    assert not row.is_slower(0.97)
    assert row.is_slower(0.98)


def test_a_slower_row_is_named_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    """With its median, the limit, and what two runs of one commit differ by."""
    assert judge(_turns([0.9, 0.95, 0.96, 0.98, 1.1], noise=[0.97, 1.02, 1, 1.01, 0.99]), limit=0.97) == 1
    told = capsys.readouterr()
    assert told.err == (
        f"bench-check: slower: {KAFKA}: 0.960 of the other checkout, below 0.97"
        " (two runs of the other: 1.000, 0.970 to 1.020)\n"
    )
    (row,) = [line for line in told.out.splitlines() if KAFKA in line]
    assert row.endswith("| 0.960 | 0.900 to 1.100 | 1.000 | 0.970 to 1.020 |")


def test_no_slower_row_passes(capsys: pytest.CaptureFixture[str]) -> None:
    """And says nothing but the table."""
    assert judge(_turns([1.2, 0.98, 0.97, 1.0, 0.9]), limit=0.97) == 0
    told = capsys.readouterr()
    assert told.err == ""
    assert len(told.out.splitlines()) == 2 + 15


def test_a_case_that_one_of_them_lacks_is_named_and_not_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """A case that was renamed is not taken for one that is as fast."""
    turn = Turn(this={KAFKA: 1.0, "new": 1.0}, other={KAFKA: 1.0, "old": 1.0}, again={KAFKA: 1.0, "old": 1.0})
    assert [row.name for row in compare([turn])] == [KAFKA]
    assert judge([turn], limit=0.97) == 0
    told = capsys.readouterr().err.splitlines()
    assert told == [
        f"bench-check: not compared, because not every run measured it: {name}" for name in ("new", "old")
    ]


def test_checkouts_without_a_common_case_cannot_be_compared(capsys: pytest.CaptureFixture[str]) -> None:
    """It is an error, and not a success."""
    assert judge([Turn(this={"new": 1.0}, other={"old": 1.0}, again={"old": 1.0})], limit=0.97) == 2
    assert "no case of the same name" in capsys.readouterr().err


def test_the_table_has_rates_ratios_and_noise() -> None:
    """Medians, and the least and the most of the pairs."""
    turns = [
        Turn(this={"relay": 10_500.0}, other={"relay": 10_000.0}, again={"relay": 9_800.0}),
        Turn(this={"relay": 12_000.0}, other={"relay": 10_000.0}, again={"relay": 10_300.0}),
        Turn(this={"relay": 9_000.0}, other={"relay": 10_000.0}, again={"relay": 10_100.0}),
    ]
    assert table(compare(turns)) == [
        "| case | this | other | this / other | least to most | noise | least to most |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        "| relay | 10,500 | 10,000 | 1.050 | 0.900 to 1.200 | 1.010 | 0.980 to 1.030 |",
    ]
