"""Terms and tariffs apply from the time when they take effect."""

from datetime import UTC, datetime, timedelta

import pytest

from ledger.domain.errors import Undecided, UnknownTariff
from ledger.domain.known import Known
from ledger.domain.tariff import DEFAULT_TERMS, Tariff, in_force
from tests import builders as make
from tests.builders import LONG_AGO, PureDomain, machine_terms, tariff, transfers

FIRST = datetime(2026, 5, 1, tzinfo=UTC)
SECOND = FIRST + timedelta(days=1)
MOMENT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("at", "version"),
    [(FIRST, 1), (SECOND - MOMENT, 1), (SECOND, 2), (SECOND + timedelta(days=999), 2)],
)
def test_tariff_applies_from_its_instant_on(at: datetime, version: int) -> None:
    """Until a microsecond before, the previous one applies."""
    tariffs = [tariff(1, since=FIRST), tariff(2, since=SECOND)]
    assert in_force(tariffs, at).version == version


def test_later_version_wins_where_two_take_effect_together() -> None:
    """They are ordered by effect, then by version."""
    assert in_force([tariff(1, since=FIRST), tariff(2, since=FIRST)], FIRST).version == 2


def test_no_tariff_is_in_force_before_the_first() -> None:
    """The operation cannot be priced."""
    with pytest.raises(UnknownTariff):
        in_force([tariff(1, since=FIRST)], FIRST - MOMENT)


@pytest.mark.parametrize(("at", "owner"), [(LONG_AGO, 1), (SECOND - MOMENT, 1), (SECOND, 2)])
def test_machine_has_the_owner_of_the_time(at: datetime, owner: int) -> None:
    """Owner and prices are those at the time of the operation."""
    known = Known(
        users=frozenset(),
        machines={7: [machine_terms(owner=1, since=FIRST), machine_terms(owner=2, since=SECOND)]},
        tariffs=(),
    )
    assert known.machine(7, at).owner == owner
    with pytest.raises(Undecided):
        known.machine(8, at)


def test_late_operation_is_priced_and_paid_as_of_when_it_occurred() -> None:
    """The old owner pays at the old price; the new one does not."""
    domain = PureDomain(
        users=[1, 2],
        machines=[
            machine_terms(owner=1, columns=1),
            machine_terms(owner=2, columns=3, since=make.minutes_ago(10)),
        ],
        tariffs=[tariff(1), tariff(2, since=make.minutes_ago(5), training_cell_eaml="1")],
    )
    old = domain.decide(make.training(7, user=1, lines=100, at=make.minutes_ago(11)))
    between = domain.decide(make.training(7, user=1, lines=100, at=make.minutes_ago(9)))
    new = domain.decide(make.training(7, user=1, lines=100))
    assert transfers(old) == [("user:1:due:eaml", "platform:revenue:eaml", "0.001")]
    assert transfers(between) == [("user:2:due:eaml", "platform:revenue:eaml", "0.003")]
    assert transfers(new) == [("user:2:due:eaml", "platform:revenue:eaml", "300")]
    assert [data["pricing"]["tariff"] for data in (old, between, new)] == [1, 1, 2]


@pytest.mark.parametrize("missing", sorted(DEFAULT_TERMS))
def test_tariff_that_lacks_a_term_is_refused(missing: str) -> None:
    """No term has a default that was never published."""
    terms = {name: value for name, value in DEFAULT_TERMS.items() if name != missing}
    with pytest.raises(KeyError, match=missing):
        Tariff.from_terms(1, LONG_AGO, terms)
