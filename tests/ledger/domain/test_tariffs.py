"""Tariffs beyond one price a kind: bands, commissions by kind, overrides for a team or a user."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.domain.errors import PriceChanged
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.tariff import Band, Override, Tariff, split, with_overrides
from ledger.engine.submission import Submission
from tests import builders as make
from tests import commands as do
from tests.builders import PureDomain, amount, machine_terms, tariff, transfers
from tests.commands import ClockedDomain, nothing_changes

OWNER, USER, MACHINE = 1, 2, 7
TERMS = machine_terms(MACHINE, owner=OWNER, columns=2, api="0.01", data_source="3", copy="5")
HAVE = {user: {"usd": "100", "eaml": "100000"} for user in (OWNER, USER)}
HOLD = "aaaaaaaa-0000-4000-8000-000000000001"

# The first 10 lines cost 1, the next 10 cost 0.5, all further ones 0.25.
BANDS = [{"above": 10, "unit_price": "0.5"}, {"above": 20, "unit_price": "0.25"}]


def domain(**terms: Any) -> ClockedDomain:
    return ClockedDomain(users=[OWNER, USER], machines=[TERMS], tariffs=[tariff(**terms)], start=HAVE)


def banded() -> ClockedDomain:
    return domain(solving_line_eaml="1", bands={"solving": BANDS})


def facts(*quantities: int) -> list[dict[str, Any]]:
    """Return the bands of an event's pricing, with the units in each."""
    prices = ((0, "1.00000000"), (10, "0.50000000"), (20, "0.25000000"))
    return [
        {"above": above, "unit_price": price, "quantity": quantity}
        for (above, price), quantity in zip(prices, quantities, strict=True)
    ]


@pytest.mark.parametrize(
    ("lines", "paid", "shares"),
    [
        (1, "1", (1, 0, 0)),
        (10, "10", (10, 0, 0)),
        (11, "10.5", (10, 1, 0)),
        (20, "15", (10, 10, 0)),
        (21, "15.25", (10, 10, 1)),
        (1000, "260", (10, 10, 980)),
    ],
)
def test_each_band_prices_its_own_units(lines: int, paid: str, shares: tuple[int, ...]) -> None:
    """Not all units get the last price; the event says how many fell into each band."""
    data = banded().decide(make.solving(MACHINE, user=USER, lines=lines))
    assert transfers(data) == [("user:2:eaml", "platform:revenue:eaml", paid)]
    assert data["pricing"] == {
        "tariff": 1,
        "unit_price": "1.00000000",
        "quantity": lines,
        "bands": facts(*shares),
    }


def test_training_counts_cells_in_bands() -> None:
    """Cells are columns times lines, times epochs if they count."""
    made = domain(
        training_cell_eaml="1",
        training_counts_epochs=True,
        bands={"training": [{"above": 8, "unit_price": "0"}]},
    )
    data = made.decide(make.training(MACHINE, user=USER, lines=2, count_of_training_epoch=3))
    assert transfers(data) == [("user:1:eaml", "platform:revenue:eaml", "8")]
    assert [band["quantity"] for band in data["pricing"]["bands"]] == [8, 4]


def test_a_kind_without_bands_has_one_price() -> None:
    """Bands of another kind do not matter."""
    data = banded().decide(make.solving_with_api(MACHINE, user=USER, lines=1000))
    assert data["pricing"] == {"tariff": 1, "unit_price": "0.00012000", "quantity": 1000}


def test_the_sum_is_rounded_once() -> None:
    """It is rounded half to even over all bands together."""
    made = domain(
        solving_line_eaml="0.000000004", bands={"solving": [{"above": 1, "unit_price": "0.000000011"}]}
    )
    assert transfers(made.decide(make.solving(MACHINE, user=USER, lines=2))) == [
        ("user:2:eaml", "platform:revenue:eaml", "0.00000002")
    ]


def test_unit_price_that_a_command_carries_is_the_first_bands() -> None:
    """The number of units does not matter."""
    made = banded()
    made.decide(make.solving(MACHINE, user=USER, lines=1000, unit_price="1"))
    with nothing_changes(made), pytest.raises(PriceChanged):
        made.decide(make.solving(MACHINE, user=USER, lines=1000, unit_price="0.25"))


def test_a_hold_fixes_the_bands_and_counts_its_captures_together() -> None:
    """Captures in parts cost as much as one, even if a tariff is published in between."""
    made = banded()
    made.decide(do.place(MACHINE, user=USER, lines=25, hold=HOLD))
    assert make.short(made.hold(HOLD).amount) == "16.25"
    dearer = tariff(2, since=made.now, solving_line_eaml="9")
    made.known = replace(made.known, tariffs=[*made.known.tariffs, dearer])
    parts = [made.decide(do.capture(HOLD, lines=lines, final=lines == 3)) for lines in (8, 7, 7, 3)]
    assert [make.short(data["transfers"][0]["amount"]) for data in parts] == ["8", "4.5", "3", "0.75"]
    shares = [[band["quantity"] for band in data["pricing"]["bands"]] for data in parts]
    assert shares == [[8, 0, 0], [2, 5, 0], [0, 5, 2], [0, 0, 3]]
    assert {data["pricing"]["tariff"] for data in parts} == {1}
    assert (made.hold(HOLD).captured_quantity, made.hold(HOLD).captured) == (25, amount("16.25"))


def test_units_continue_after_those_priced_before() -> None:
    """They may end in the middle of a band, or beyond all bands."""
    bands = [Band(above=each, unit_price=amount(1)) for each in (0, 10, 20)]
    assert split(bands, 30) == [10, 10, 10]
    assert split(bands, 0) == [0, 0, 0]
    assert split(bands, 3, after=9) == [1, 2, 0]
    assert split(bands, 30, after=15) == [0, 5, 25]
    assert split(bands, 5, after=100) == [0, 0, 5]


def test_a_kind_may_have_its_own_commission() -> None:
    """The others have the tariff's."""
    made = domain(commission_rates={"machine_copy": "0.05", "solving_with_api_market": "0"})
    copy = made.decide(make.machine_copy(MACHINE, user=USER))
    assert transfers(copy)[1] == ("user:2:usd", "platform:revenue:commission:usd", "0.25")
    assert copy["pricing"]["commission_rate"] == "0.05000000"
    source = made.decide(make.data_source(MACHINE, user=USER))
    assert transfers(source)[1] == ("user:2:usd", "platform:revenue:commission:usd", "0.6")
    api = made.decide(make.api_market(MACHINE, user=USER, lines=100))
    assert transfers(api) == [("user:2:usd", "user:1:usd", "1")]


# Overrides.

FIRST = datetime.fromisoformat("2026-03-01T00:00:00+00:00")
DAY = timedelta(days=1)


def override(
    version: int, *, user: int | None = None, team: int | None = None, days: int = 0, **terms: Any
) -> Override:
    return Override(version=version, effective_from=FIRST + days * DAY, user=user, team=team, terms=terms)


def overridden(**of: list[Override]) -> PureDomain:
    made = domain(solving_line_eaml="1", bands={"solving": BANDS}, commission_rate="0.2")
    made.known = replace(
        made.known, overrides={int(name.removeprefix("user")): given for name, given in of.items()}
    )
    return made


def test_users_override_wins_over_the_teams_and_the_teams_over_the_tariff() -> None:
    """Overrides replace terms one by one; the event names the versions in that order."""
    made = overridden(
        user2=[
            override(2, user=USER, credit_limit_eaml="5"),
            override(3, team=9, credit_limit_eaml="3", eaml_per_usd="50", solving_line_eaml="2"),
        ]
    )
    data = made.decide(make.solving(MACHINE, user=USER, lines=4))
    assert data["pricing"] == {
        "tariff": 1,
        "overrides": [3, 2],
        "unit_price": "2.00000000",
        "quantity": 4,
    }
    now = made.known.tariff(FIRST + DAY, USER)
    assert (now.credit_limit_eaml, now.eaml_per_usd, now.commission_rate) == (
        amount(5),
        amount(50),
        amount("0.2"),
    )
    others = made.decide(make.solving_with_api(MACHINE, user=OWNER, lines=4))
    assert "overrides" not in others["pricing"]


def test_among_several_teams_the_latest_effective_override_wins() -> None:
    """It need not be the latest published; within a team it replaces the one before it as a whole."""
    base = tariff(solving_line_eaml="1")
    given = [
        override(2, team=8, days=0, solving_line_eaml="0.8"),
        override(5, team=9, days=1, solving_line_eaml="0.9"),
        override(3, team=8, days=2, training_cell_eaml="0.3"),
        override(4, team=9, days=4),
    ]
    found = [with_overrides(base, given, FIRST + days * DAY) for days in (-1, 0, 1, 2, 3, 4)]
    assert [each.overrides for each in found] == [(), (2,), (5,), (3,), (3,), (4,)]
    assert [str(each.solving_line_eaml) for each in found] == ["1", "0.8", "0.9", "1", "1", "1"]


def test_an_override_without_terms_ends_the_one_before_it() -> None:
    """The earlier one ends when the later one takes effect."""
    given = [override(2, user=USER, solving_line_eaml="5"), override(3, user=USER, days=1)]
    assert with_overrides(tariff(), given, FIRST).solving_line_eaml == 5
    ended = with_overrides(tariff(), given, FIRST + DAY)
    assert replace(ended, overrides=()) == tariff()


@pytest.mark.parametrize(
    ("terms", "paid"),
    [
        ({}, "15.25"),
        ({"solving_line_eaml": "0.1"}, "2.1"),
        ({"bands": {"solving": []}}, "21"),
        ({"bands": {"solving": [{"above": 1, "unit_price": "0"}]}}, "1"),
        ({"solving_line_eaml": "0.1", "bands": {"solving": [{"above": 20, "unit_price": "3"}]}}, "5"),
        ({"bands": {"training": [{"above": 1, "unit_price": "0"}]}}, "15.25"),
        ({"training_cell_eaml": "7"}, "15.25"),
    ],
)
def test_an_override_with_a_price_removes_the_tariffs_bands(terms: dict[str, Any], paid: str) -> None:
    """Bands in the override stay; bands alone are added to the tariff's price."""
    made = overridden(user2=[override(2, user=USER, **terms)])
    data = made.decide(make.solving(MACHINE, user=USER, lines=21))
    assert transfers(data) == [("user:2:eaml", "platform:revenue:eaml", paid)]


def test_overrides_are_those_of_the_user_who_pays_the_platform() -> None:
    """In a training that is the machine's owner; in a sale the seller, who pays the commission."""
    made = overridden(
        user1=[override(2, user=OWNER, training_cell_eaml="3", commission_rates={"machine_copy": "0"})],
        user2=[override(3, user=USER, training_cell_eaml="9", commission_rate="1", eaml_per_usd="7")],
    )
    training = made.decide(make.training(MACHINE, user=USER, lines=1))
    assert (transfers(training)[0][2], training["pricing"]["overrides"]) == ("6", [2])
    copy = made.decide(make.machine_copy(MACHINE, user=USER))
    assert transfers(copy) == [("user:2:usd", "user:1:usd", "5")]
    source = made.decide(make.data_source(MACHINE, user=USER))
    assert (transfers(source)[1][2], source["pricing"]["overrides"]) == ("0.6", [2])
    bill = made.decide(make.bill(USER, 1))
    assert (transfers(bill)[1][2], bill["pricing"]["overrides"]) == ("7", [3])


def test_an_override_counts_by_when_the_operation_occurred() -> None:
    """The same applies to tariffs."""
    made = overridden(user2=[override(2, user=USER, solving_line_eaml="5")])
    made.now = FIRST + DAY
    at = {"before": FIRST - timedelta(microseconds=1), "from": FIRST}
    paid = {name: transfers(made.decide(_solving_at(moment)))[0][2] for name, moment in at.items()}
    assert paid == {"before": "1", "from": "5"}


def _solving_at(moment: datetime) -> Submission:
    asked = make.solving(MACHINE, user=USER, lines=1)
    command = asked.command
    assert isinstance(command, RecordOperation)
    return replace(asked, command=replace(command, occurred_at=moment))


def test_stored_terms_come_back_as_they_were() -> None:
    """Commissions and bands may be left out."""
    found = tariff(commission_rates={"machine_copy": "0.1"}, bands={"solving": BANDS})
    assert isinstance(found, Tariff)
    assert found.bands_of(Kind.SOLVING) == (
        Band(above=0, unit_price=amount("0.0001")),
        Band(above=10, unit_price=amount("0.5")),
        Band(above=20, unit_price=amount("0.25")),
    )
    assert tariff().bands_of(Kind.TRAINING) == (Band(above=0, unit_price=amount("0.00001")),)
