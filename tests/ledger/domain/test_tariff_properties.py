"""Bands, commissions by kind and overrides, for every tariff and every quantity."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ledger.domain.money import commission
from ledger.domain.operations import MARKET
from ledger.domain.pricing import price_units
from ledger.domain.tariff import Band, Override, split, with_overrides
from tests.builders import PureDomain, machine_copy, machine_terms, solving, tariff, transfers

_prices = st.integers(0, 10**9).map(lambda units: Decimal(units).scaleb(-8))
_quantities = st.integers(0, 10**7)


@st.composite
def ladders(draw: st.DrawFn) -> list[Band]:
    """Draw one to five bands; the first begins at 0."""
    above = draw(st.lists(st.integers(1, 10**6), max_size=4, unique=True).map(sorted))
    return [Band(above=each, unit_price=draw(_prices)) for each in (0, *above)]


def exact(bands: Sequence[Band], quantity: int) -> Fraction:
    """Return the same price, computed unit by unit."""
    ends = [*(band.above for band in bands[1:]), max(quantity, bands[-1].above)]
    return sum(
        (
            Fraction(band.unit_price) * max(0, min(end, quantity) - band.above)
            for band, end in zip(bands, ends, strict=True)
        ),
        Fraction(0),
    )


_TERMS = ("solving_line_eaml", "commission_rate", "credit_limit_eaml")
_START = datetime(2026, 1, 1, tzinfo=UTC)


@st.composite
def versions(draw: st.DrawFn) -> list[Override]:
    """Draw overrides of one user and of two teams of the user, in the order they take effect."""
    made = [
        Override(
            version=number + 2,
            effective_from=_START + timedelta(days=draw(st.integers(0, 5))),
            user=draw(st.sampled_from([None, 7])),
            team=draw(st.sampled_from([1, 2])),
            terms=draw(st.dictionaries(st.sampled_from(_TERMS), st.integers(0, 9).map(str))),
        )
        for number in range(draw(st.integers(0, 8)))
    ]
    whole = [replace(each, team=None) if each.user is not None else each for each in made]
    return sorted(whole, key=lambda each: (each.effective_from, each.version))


@given(versions(), st.integers(-1, 6))
def test_each_term_is_from_the_user_or_a_team_or_the_tariff(given_: list[Override], days: int) -> None:
    """The first of the three that has the term wins; in each, also among teams, the latest in effect."""
    at = _START + timedelta(days=days)
    in_force = [each for each in given_ if each.effective_from <= at]
    own = [each for each in in_force if each.user is not None][-1:]
    latest = {each.team: each for each in in_force if each.user is None}
    teams = sorted(latest.values(), key=lambda each: (each.effective_from, each.version))[-1:]
    base = tariff()
    found = with_overrides(base, given_, at)
    for term in _TERMS:
        wanted = [Decimal(each.terms[term]) for each in (*own, *teams) if term in each.terms]
        assert getattr(found, term) == (wanted[0] if wanted else getattr(base, term))
    assert found.overrides == tuple(each.version for each in (*teams, *own))


@given(ladders(), _quantities)
def test_total_is_the_sum_of_its_bands(bands: list[Band], quantity: int) -> None:
    """The bands take all units and no others."""
    gross, facts = price_units(bands, quantity)
    assert Fraction(gross) == exact(bands, quantity)
    shown = facts.get("bands", [facts])
    assert sum(band["quantity"] for band in shown) == quantity
    assert sum(Decimal(band["unit_price"]) * band["quantity"] for band in shown) == gross


@given(ladders(), _quantities, _quantities)
def test_more_units_never_cost_less(bands: list[Band], one: int, other: int) -> None:
    few, many = sorted((one, other))
    assert price_units(bands, few)[0] <= price_units(bands, many)[0]


@given(ladders(), _quantities, _prices)
def test_bands_of_one_price_are_a_flat_price(bands: list[Band], quantity: int, price: Decimal) -> None:
    same = [Band(above=band.above, unit_price=price) for band in bands]
    assert price_units(same, quantity)[0] == price_units(same[:1], quantity)[0]


@given(ladders(), st.lists(st.integers(0, 10**6), max_size=6))
def test_parts_cost_as_much_as_the_whole(bands: list[Band], parts: list[int]) -> None:
    """A hold may be captured in any parts."""
    after, paid = 0, Decimal(0)
    for part in parts:
        assert sum(split(bands, part, after=after)) == part
        paid += price_units(bands, part, after=after)[0]
        after += part
    assert paid == price_units(bands, after)[0]


@given(ladders(), st.integers(0, 10**4))
def test_an_operation_costs_what_its_bands_say(bands: list[Band], lines: int) -> None:
    """The whole decision has that price, and its event explains it."""
    further = [{"above": band.above, "unit_price": str(band.unit_price)} for band in bands[1:]]
    terms: dict[str, Any] = {"solving_line_eaml": str(bands[0].unit_price), "bands": {"solving": further}}
    domain = PureDomain(
        users=[1, 2],
        machines=[machine_terms(owner=1)],
        tariffs=[tariff(**terms)],
        start={2: {"eaml": "999999999"}},
    )
    data = domain.decide(solving(7, user=2, lines=lines))
    paid = sum((Decimal(each["amount"]) for each in data["transfers"]), Decimal(0))
    assert Fraction(paid) == exact(bands, lines)


@given(
    st.dictionaries(st.sampled_from(sorted(MARKET)), st.integers(0, 10**8), min_size=1),
    st.integers(0, 10**8),
    st.integers(1, 10**11),
)
def test_a_sale_gives_the_commission_of_its_kind(rates: dict[Any, int], rate: int, price: int) -> None:
    """It is the kind's own or the tariff's; seller and platform together get what the buyer pays."""
    own = {str(kind): str(Decimal(units).scaleb(-8)) for kind, units in rates.items()}
    gross = Decimal(price).scaleb(-8)
    domain = PureDomain(
        users=[1, 2],
        machines=[machine_terms(owner=1, copy=str(gross))],
        tariffs=[tariff(commission_rate=str(Decimal(rate).scaleb(-8)), commission_rates=own)],
        start={2: {"usd": "1000"}},
    )
    found = {credit: Decimal(paid) for _, credit, paid in transfers(domain.decide(machine_copy(7, user=2)))}
    used = Decimal(own.get("machine_copy", str(Decimal(rate).scaleb(-8))))
    assert found.get("platform:revenue:commission:usd", Decimal(0)) == commission(gross, used)
    assert sum(found.values()) == gross
