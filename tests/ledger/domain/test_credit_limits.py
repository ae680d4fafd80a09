"""The credit limit: the tariff's, or a user's own; and write-offs."""

from typing import Any

import pytest

from ledger.domain.errors import CreditLimitExceeded, InsufficientFunds
from tests import builders as make
from tests import commands as do
from tests.builders import amount, machine_terms, tariff, transfers
from tests.commands import ClockedDomain, nothing_changes

OWNER, USER, MACHINE = 1, 2, 7
DUE, LOSSES = "user:2:due:eaml", "platform:losses:eaml"


def domain(start: dict[str, str] | None = None, **terms: Any) -> ClockedDomain:
    # One line costs one token, so that lines are amounts.
    priced = {"solving_line_eaml": "1", "credit_limit_eaml": "10", "eaml_per_usd": "1"}
    return ClockedDomain(
        users=[OWNER, USER],
        machines=[machine_terms(MACHINE, owner=OWNER)],
        tariffs=[tariff(**{**priced, **terms})],
        start={USER: start or {}},
    )


def owe(made: ClockedDomain, lines: int) -> dict[str, Any]:
    return made.decide(make.solving(MACHINE, user=USER, lines=lines))


@pytest.mark.parametrize("own", [0, 3, 25])
def test_own_limit_counts_instead_of_the_tariffs(own: int) -> None:
    """It may be lower or higher, and is exact to the last decimal."""
    made = domain()
    data = made.decide(do.limit(USER, own))
    assert data["credit_limits"] == {DUE: f"{own}.00000000"}
    assert data["transfers"] == []
    if own:
        owe(made, own)
    with nothing_changes(made), pytest.raises(CreditLimitExceeded) as refused:
        owe(made, 1)
    assert refused.value.details["credit_limit"] == f"{own}.00000000"
    assert made.locked.balance(USER, "due:eaml") == own


def test_own_limit_can_be_taken_away() -> None:
    """The tariff's limit applies again."""
    made = domain()
    made.decide(do.limit(USER, 3))
    assert made.decide(do.limit(USER, None))["credit_limits"] == {DUE: None}
    owe(made, 10)
    with pytest.raises(CreditLimitExceeded):
        owe(made, 1)


def test_own_limit_applies_to_one_user() -> None:
    made = domain()
    made.decide(do.limit(OWNER, 0))
    owe(made, 10)


def test_limit_below_the_debt_rejects_what_would_add_to_it() -> None:
    """Operations that are paid in full are still recorded."""
    made = domain({"eaml": "2", "due:eaml": "8"})
    made.decide(do.limit(USER, 5))
    assert transfers(owe(made, 2)) == [("user:2:eaml", "platform:revenue:eaml", "2")]
    with nothing_changes(made), pytest.raises(CreditLimitExceeded):
        owe(made, 1)


def test_own_limit_lends_nothing_where_the_tariff_rejects() -> None:
    """The tariff says whether anything may become due at all."""
    made = domain(when_short={})
    made.decide(do.limit(USER, 100))
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        owe(made, 1)


@pytest.mark.parametrize(("change", "left"), [("-3", "5"), ("-8", None)])
def test_write_off_is_the_platforms_loss(change: str, left: str | None) -> None:
    """The user owes that much less, and has no more than before."""
    made = domain({"due:eaml": "8", "eaml": "1"})
    data = made.decide(do.adjust(USER, "due:eaml", change))
    assert transfers(data) == [(LOSSES, DUE, change.removeprefix("-"))]
    expected = {"user:2:eaml": amount(1)} | ({} if left is None else {DUE: amount(left)})
    assert made.balances() == expected


def test_more_than_is_owed_cannot_be_written_off() -> None:
    made = domain({"due:eaml": "8"})
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.adjust(USER, "due:eaml", "-8.00000001"))


def test_written_off_debt_makes_room_below_the_limit() -> None:
    made = domain({"due:eaml": "10"})
    made.decide(do.adjust(USER, "due:eaml", "-4"))
    owe(made, 4)
    with pytest.raises(CreditLimitExceeded):
        owe(made, 1)


def test_tokens_and_dollars_never_pay_down_each_other() -> None:
    """A debt in one currency waits for money of that currency."""
    made = domain({"due:usd": "5", "due:eaml": "5"})
    assert transfers(made.decide(make.top_up(USER, "3"))) == [
        ("clearing:payments:usd", "user:2:usd", "3"),
        ("user:2:usd", "user:2:due:usd", "3"),
    ]
    assert transfers(made.decide(do.adjust(USER, "eaml", "2"))) == [
        ("platform:manual:eaml", "user:2:eaml", "2"),
        ("user:2:eaml", DUE, "2"),
    ]
    assert made.balances() == {"user:2:due:usd": amount(2), DUE: amount(3)}
