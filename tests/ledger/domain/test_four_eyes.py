"""One person adjusts a limited sum a day alone. Above it another person approves, never the proposer."""

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from ledger.domain.codec import decode_proposal, encode_adjusted, encode_proposal
from ledger.domain.errors import (
    AboveRole,
    InsufficientFunds,
    ProposalExpired,
    ProposalResolved,
    ProposalUnknown,
    SelfApproval,
)
from ledger.domain.money import ZERO
from ledger.domain.proposals import AdjustedAccount, Proposal
from tests import builders as make
from tests import commands as do
from tests.builders import amount, transfers
from tests.commands import ALONE_MAX, ClockedDomain, event, nothing_changes

USER = 2
USD, MANUAL = "user:2:usd", "platform:manual:usd"
VALID = timedelta(days=7)


def domain(**start: str) -> ClockedDomain:
    return ClockedDomain(
        users=[USER],
        start={USER: {"usd": "10000", "eaml": "10000"} | start},
        now=datetime.fromisoformat("2026-03-01T12:00:00+00:00"),
    )


def proposed(change: str = "1000.00000001", account: AdjustedAccount = "usd") -> ClockedDomain:
    made = domain()
    made.decide(do.adjust(USER, account, change))
    assert "proposals" in made.events[-1]
    return made


def kept(made: ClockedDomain, number: int = 0) -> Proposal:
    return made.locked.proposals[event(number)]


def alone(made: ClockedDomain) -> dict[str, str]:
    return {key: make.short(adjusted.amount) for key, adjusted in made.locked.adjusted.items()}


def test_adjustment_up_to_the_limit_is_done_at_once() -> None:
    """A sum exactly at the limit is not above it."""
    made = domain()
    data = made.decide(do.adjust(USER, "usd", "1000"))
    assert transfers(data) == [(MANUAL, USD, "1000")]
    assert "proposals" not in data
    assert alone(made) == {"2026-03-01 USD anna": "1000"}


def test_one_unit_above_the_limit_becomes_a_proposal() -> None:
    """Nothing moves; the event names the proposal and its proposer."""
    made = domain()
    before = made.balances()
    data = made.decide(do.adjust(USER, "usd", "-1000.00000001"))
    assert (data["transfers"], made.balances()) == ([], before)
    assert (data["proposal"], data["proposer"]) == (event(0), "anna")
    assert kept(made) == Proposal(
        id=event(0),
        subject="adjustment",
        user=USER,
        body={"account": "usd", "direction": "down", "amount": "1000.00000001"},
        reason_code="goodwill",
        proposer="anna",
        role="staff",
        expires_at=made.now + VALID,
    )
    assert alone(made) == {}


def test_adjustments_of_a_day_add_up() -> None:
    """Up and down, all users and accounts count together; proposals do not count."""
    made = domain()
    made.decide(do.adjust(USER, "usd", "400"))
    made.decide(do.adjust(USER, "usd", "-300"))
    made.decide(do.adjust(USER, "coupon", "200"))
    assert "proposals" in made.decide(do.adjust(USER, "usd", "100.00000001"))
    assert "proposals" not in made.decide(do.adjust(USER, "due:usd", "100"))
    assert "proposals" in made.decide(do.adjust(USER, "usd", "0.00000001"))
    assert alone(made) == {"2026-03-01 USD anna": "1000"}


def test_limit_is_per_person_currency_and_day() -> None:
    """A day ends at midnight UTC."""
    made = domain()
    made.decide(do.adjust(USER, "usd", "1000"))
    assert "proposals" not in made.decide(do.adjust(USER, "usd", "1000", actor="bert"))
    assert "proposals" not in made.decide(do.adjust(USER, "eaml", "1000"))
    made.now = datetime.fromisoformat("2026-03-01T23:59:59.999999+00:00")
    assert "proposals" in made.decide(do.adjust(USER, "usd", "1"))
    made.now = datetime.fromisoformat("2026-03-02T00:00:00+00:00")
    assert "proposals" not in made.decide(do.adjust(USER, "usd", "1000"))
    assert sorted(alone(made)) == [
        "2026-03-01 EAML anna",
        "2026-03-01 USD anna",
        "2026-03-01 USD bert",
        "2026-03-02 USD anna",
    ]


def test_limit_of_zero_allows_no_adjustment_alone() -> None:
    made = domain()
    assert "proposals" in made.decide(do.adjust(USER, "usd", "0.00000001", alone_max=ZERO))


@pytest.mark.parametrize(
    ("account", "change", "moves"),
    [
        ("usd", "2000", [(MANUAL, USD, "2000")]),
        ("usd", "-2000", [(USD, MANUAL, "2000")]),
        ("eaml", "2000", [("platform:manual:eaml", "user:2:eaml", "2000")]),
        ("coupon", "2000", [("platform:promotions:usd", "user:2:coupon", "2000")]),
        ("due:eaml", "2000", [("user:2:due:eaml", "platform:manual:eaml", "2000")]),
    ],
)
def test_approval_by_another_person_carries_out_the_proposal(
    account: AdjustedAccount, change: str, moves: list[tuple[str, str, str]]
) -> None:
    """It is an adjustment like one made alone, and names the proposer and the approver."""
    made = proposed(change, account)
    data = made.decide(do.approve(event(0)))
    assert (data["kind"], transfers(data)) == ("adjustment", moves)
    assert (data["proposal"], data["proposer"], data["resolver"]) == (event(0), "anna", "bert")
    assert (data["operation_user"], data["reason_code"]) == (USER, "goodwill")
    assert (kept(made).state, kept(made).resolver) == ("approved", "bert")
    assert alone(made) == {}


def test_approved_downward_adjustment_names_the_grants() -> None:
    """A reversal can then give them back."""
    made = domain()
    made.decide(do.grant(USER, 2000))
    made.decide(do.adjust(USER, "coupon", "-1500"))
    data = made.decide(do.approve(event(1)))
    assert data["spent"] == [{"grant": event(0), "amount": "1500.00000000"}]
    made.decide(do.reverse(made.last))
    assert made.grants(USER) == {event(0): amount(2000)}


def test_proposal_cannot_be_approved_by_its_proposer() -> None:
    made = proposed()
    with nothing_changes(made), pytest.raises(SelfApproval):
        made.decide(do.approve(event(0), actor="anna"))
    made.decide(do.approve(event(0), actor="bert"))


def test_declined_proposal_adjusts_nothing() -> None:
    """The proposer may decline it too."""
    for actor in ("bert", "anna"):
        made = proposed()
        before = made.balances()
        data = made.decide(do.decline(event(0), actor=actor))
        assert (data["transfers"], made.balances()) == ([], before)
        assert (kept(made).state, kept(made).resolver) == ("declined", actor)


@pytest.mark.parametrize("first", ["approved", "declined"])
@pytest.mark.parametrize("second", [do.approve(event(0), actor="carl"), do.decline(event(0), actor="carl")])
def test_proposal_is_resolved_once(first: str, second: Any) -> None:
    """The rejection says how it was resolved."""
    made = proposed()
    made.decide(do.approve(event(0)) if first == "approved" else do.decline(event(0)))
    with nothing_changes(made), pytest.raises(ProposalResolved) as refused:
        made.decide(second)
    assert refused.value.details == {"proposal": event(0), "state": first}


@pytest.mark.parametrize("late", [do.approve(event(0)), do.decline(event(0))])
def test_proposal_expires_at_its_instant(late: Any) -> None:
    """It cannot be approved or declined any more."""
    made = proposed()
    made.now = kept(made).expires_at
    (data,) = made.sweep()
    assert (data["kind"], data["proposal"], data["proposer"]) == ("adjustment", event(0), "anna")
    assert (kept(made).state, kept(made).resolver) == ("expired", None)
    with nothing_changes(made), pytest.raises(ProposalExpired):
        made.decide(late)
    made = proposed()
    made.now = kept(made).expires_at - timedelta(microseconds=1)
    assert made.sweep() == []
    made.decide(late)


def test_a_role_approves_up_to_its_limit() -> None:
    """An amount exactly at the limit is not above it; declining has no limit."""
    made = proposed("2000.00000001")
    with nothing_changes(made), pytest.raises(AboveRole) as refused:
        made.decide(do.approve(event(0), approve_max=amount(2000)))
    assert refused.value.details == {
        "proposal": event(0),
        "role": "staff",
        "amount": "2000.00000001",
        "approve_max": "2000.00000000",
    }
    made.decide(do.approve(event(0), role="super_admin", approve_max=amount("2000.00000001")))
    assert kept(made).state == "approved"
    made = proposed("2000.00000001")
    made.decide(do.decline(event(0), approve_max=ZERO))


def test_proposal_of_another_subject_is_unknown() -> None:
    """A proposal cannot be approved as one of another subject."""
    made = proposed()
    with nothing_changes(made), pytest.raises(ProposalUnknown):
        made.decide(do.approve(event(0), subject="tariff"))


def test_missing_proposal_is_unknown() -> None:
    made = domain()
    with nothing_changes(made), pytest.raises(ProposalUnknown):
        made.decide(do.approve(event(7)))


def test_proposal_for_a_deleted_user_has_expired() -> None:
    """The user's accounts are closed for ever."""
    made = proposed()
    made.known = replace(made.known, users=frozenset())
    for resolve in (do.approve, do.decline):
        with nothing_changes(made), pytest.raises(ProposalExpired):
            made.decide(resolve(event(0)))


def test_more_than_is_available_cannot_be_taken_off() -> None:
    """It cannot be proposed either; an approval checks again what is available then."""
    made = domain()
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.adjust(USER, "usd", "-10000.00000001"))
    made.decide(do.adjust(USER, "usd", "-9000"))
    made.decide(do.adjust(USER, "usd", "-1000", actor="carl"))
    made.decide(do.adjust(USER, "usd", "-0.00000001", actor="dora"))
    with nothing_changes(made), pytest.raises(InsufficientFunds) as refused:
        made.decide(do.approve(event(0)))
    assert refused.value.details["available"] == "8999.99999999"
    assert kept(made).state == "open"


def test_decoding_returns_the_proposal_that_was_encoded() -> None:
    """It is written to JSON and read again. The sum that was adjusted alone is written too."""
    made = proposed()
    assert decode_proposal(event(0), encode_proposal(kept(made))) == kept(made)
    made.decide(do.approve(event(0)))
    assert decode_proposal(event(0), encode_proposal(kept(made))) == kept(made)
    made.decide(do.adjust(USER, "usd", ALONE_MAX))
    (adjusted,) = made.locked.adjusted.values()
    assert encode_adjusted(adjusted) == {
        "actor": "anna",
        "day": "2026-03-01",
        "currency": "USD",
        "amount": "1000.00000000",
    }
    assert adjusted.amount == Decimal(1000)
