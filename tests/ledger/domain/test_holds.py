"""A hold sets money aside, and work is paid from it: in parts, above it, late, or not at all."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from ledger.domain.codec import decode_hold, encode_hold
from ledger.domain.errors import (
    CreditLimitExceeded,
    ExpiryPassed,
    HoldExists,
    HoldMismatch,
    HoldResolved,
    InsufficientFunds,
    PriceChanged,
    Rejected,
    Undecided,
)
from ledger.domain.holds import Hold
from ledger.domain.money import ZERO
from tests import builders as make
from tests import commands as do
from tests.builders import amount, machine_terms, tariff, transfers
from tests.commands import ClockedDomain, nothing_changes

OWNER, USER, MACHINE, OTHER = 1, 2, 7, 8
HOLD = "aaaaaaaa-0000-4000-8000-000000000001"
EAML, DUE, REVENUE = "user:2:eaml", "user:2:due:eaml", "platform:revenue:eaml"


def domain(eaml: str = "10", *, due: str = "0", **terms: Any) -> ClockedDomain:
    # One line costs one token, so that lines are amounts.
    prices = {"solving_line_eaml": "1", "solving_with_api_line_eaml": "2", "training_cell_eaml": "1"}
    priced = tariff(**{**prices, **terms})
    machines = [machine_terms(number, owner=OWNER, columns=2) for number in (MACHINE, OTHER)]
    start: Mapping[str, str] = {"eaml": eaml, "usd": "100"} | ({"due:eaml": due} if due != "0" else {})
    return ClockedDomain(users=[OWNER, USER], machines=machines, tariffs=[priced], start={USER: start})


def placed(lines: int = 6, *, eaml: str = "10", minutes: int = 60, **terms: Any) -> ClockedDomain:
    made = domain(eaml, **terms)
    expires_at = made.now + timedelta(minutes=minutes)
    made.decide(do.place(MACHINE, user=USER, lines=lines, hold=HOLD, expires_at=expires_at, at=made.now))
    return made


def capture(made: ClockedDomain, lines: int, **more: Any) -> dict[str, Any]:
    return made.decide(do.capture(HOLD, lines=lines, at=more.pop("at", made.now), **more))


def funds(made: ClockedDomain) -> tuple[str, str]:
    account = made.locked.account(USER, "eaml")
    return make.short(account.balance), make.short(account.held)


def test_placing_sets_aside_and_moves_nothing() -> None:
    """The balance stays; less is available."""
    made = placed(6)
    (event,) = made.events
    assert event["transfers"] == []
    assert event["accounts"][EAML] == {"balance": "10.00000000", "held": "6.00000000", "version": 1}
    assert made.locked.available(USER, "eaml") == amount(4)
    hold = made.hold(HOLD)
    assert (hold.state, hold.amount, hold.remaining, hold.captured) == ("open", amount(6), amount(6), ZERO)
    assert hold.pricing == {"tariff": 1, "unit_price": "1.00000000", "quantity": 6}


def test_hold_may_take_all_that_is_available_and_not_more() -> None:
    """It is exact to the last decimal; a refusal says what was available."""
    assert funds(placed(10)) == ("10", "10")
    short = domain("9.99999999")
    with nothing_changes(short), pytest.raises(InsufficientFunds) as refused:
        short.decide(do.place(MACHINE, user=USER, lines=10, hold=HOLD))
    assert refused.value.details == {
        "currency": "EAML",
        "amount": "10.00000000",
        "available": "9.99999999",
        "hold": HOLD,
    }


def test_hold_is_never_due() -> None:
    """Only available tokens are set aside, whatever the credit limit, because no work was done yet."""
    made = domain("5", credit_limit_eaml="1000")
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.place(MACHINE, user=USER, lines=6))


def test_what_is_held_cannot_be_spent_or_held_again() -> None:
    """Another operation can only use what is available."""
    made = placed(6)
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.place(MACHINE, user=USER, lines=5))
    assert transfers(made.decide(make.solving(MACHINE, user=USER, lines=5))) == [
        (EAML, REVENUE, "4"),
        (DUE, REVENUE, "1"),
    ]
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.adjust(USER, "eaml", "-1"))


def test_training_is_held_on_the_owners_account() -> None:
    """The owner pays, by columns times lines."""
    made = ClockedDomain(
        users=[OWNER, USER],
        machines=[machine_terms(MACHINE, owner=OWNER, columns=3)],
        tariffs=[tariff(training_cell_eaml="1")],
        start={OWNER: {"eaml": "10"}},
    )
    made.decide(do.place(MACHINE, user=USER, lines=3, hold=HOLD, kind="training"))
    assert (made.hold(HOLD).user, made.held(OWNER), made.held(USER)) == (OWNER, amount(9), ZERO)
    event = made.decide(do.capture(HOLD, lines=2))
    assert transfers(event) == [("user:1:eaml", REVENUE, "6")]
    assert (event["operation_user"], event["machine_owner"], event["payer"]) == (USER, OWNER, OWNER)


@pytest.mark.parametrize("counts", [True, False])
def test_epochs_count_if_the_tariff_of_the_hold_counts_them(counts: bool) -> None:
    """They count for the estimate and for every capture."""
    made = ClockedDomain(
        users=[OWNER],
        machines=[machine_terms(MACHINE, owner=OWNER, columns=1)],
        tariffs=[tariff(training_cell_eaml="1", training_counts_epochs=counts)],
        start={OWNER: {"eaml": "100"}},
    )
    wanted = do.place(MACHINE, user=OWNER, lines=4, kind="training", hold=HOLD, count_of_training_epoch=5)
    made.decide(wanted)
    assert made.held(OWNER) == (20 if counts else 4)
    event = made.decide(do.capture(HOLD, lines=4, epochs=2))
    assert transfers(event) == [("user:1:eaml", REVENUE, "8" if counts else "4")]


def test_hold_needs_an_unused_id_and_a_future_expiry() -> None:
    """An id is used once, open or not; the expiry is after the ledger's clock."""
    made = placed(1)
    with nothing_changes(made), pytest.raises(HoldExists):
        made.decide(do.place(MACHINE, user=USER, lines=1, hold=HOLD))
    made.decide(do.void(HOLD))
    with nothing_changes(made), pytest.raises(HoldExists):
        made.decide(do.place(MACHINE, user=USER, lines=1, hold=HOLD))
    for late in (made.now, made.now - timedelta(seconds=1)):
        with nothing_changes(made), pytest.raises(ExpiryPassed):
            made.decide(do.place(MACHINE, user=USER, lines=1, expires_at=late))


def test_hold_with_another_unit_price_is_refused() -> None:
    """An operation would be rejected too."""
    made = domain()
    with nothing_changes(made), pytest.raises(PriceChanged):
        made.decide(do.place(MACHINE, user=USER, lines=1, unit_price="2"))


def test_capture_pays_what_was_used_and_releases_the_rest() -> None:
    """A final capture closes the hold."""
    made = placed(6)
    event = capture(made, 4)
    assert transfers(event) == [(EAML, REVENUE, "4")]
    assert event["accounts"][EAML] == {"balance": "6.00000000", "held": "0.00000000", "version": 2}
    assert event["final"] is True
    hold = made.hold(HOLD)
    assert (hold.state, hold.remaining, hold.captured) == ("captured", ZERO, amount(4))


def test_capture_in_parts_leaves_the_rest_held() -> None:
    """The rest stays held until the final capture, which may be of nothing."""
    made = placed(6)
    assert transfers(capture(made, 2, final=False)) == [(EAML, REVENUE, "2")]
    assert funds(made) == ("8", "4")
    assert transfers(capture(made, 3, final=False)) == [(EAML, REVENUE, "3")]
    assert funds(made) == ("5", "1")
    assert made.hold(HOLD).state == "open"
    assert transfers(capture(made, 0)) == []
    assert funds(made) == ("5", "0")
    assert made.hold(HOLD).captured == amount(5)


def test_capture_within_the_hold_cannot_fail() -> None:
    """It succeeds even if the user has spent everything else and is at the credit limit."""
    made = placed(6, credit_limit_eaml="3")
    made.decide(make.solving(MACHINE, user=USER, lines=7))
    with pytest.raises(CreditLimitExceeded):
        made.decide(make.solving(MACHINE, user=USER, lines=1))
    assert transfers(capture(made, 6)) == [(EAML, REVENUE, "6")]
    assert made.balances() == {"user:2:usd": amount(100), DUE: amount(3)}


@pytest.mark.parametrize(
    ("lines", "moves", "balance", "due"),
    [
        (6, [(EAML, REVENUE, "6")], "4", "0"),
        (8, [(EAML, REVENUE, "8")], "2", "0"),
        (10, [(EAML, REVENUE, "10")], "0", "0"),
        (13, [(EAML, REVENUE, "10"), (DUE, REVENUE, "3")], "0", "3"),
    ],
)
def test_above_the_hold_comes_from_available_then_due(
    lines: int, moves: list[tuple[str, str, str]], balance: str, due: str
) -> None:
    """Available tokens are taken first."""
    made = placed(6)
    assert transfers(capture(made, lines)) == moves
    assert funds(made) == (balance, "0")
    assert make.short(made.locked.balance(USER, "due:eaml")) == due


def test_overrun_is_due_without_a_limit() -> None:
    """The work is done: no limit of the tariff or the user stops it, nor a tariff that rejects."""
    stricter: list[dict[str, Any]] = [{"credit_limit_eaml": "1"}, {"when_short": {}}]
    for terms in stricter:
        made = placed(6, **terms)
        made.decide(do.limit(USER, 0))
        assert transfers(capture(made, 500)) == [(EAML, REVENUE, "10"), (DUE, REVENUE, "490")]


def test_overrun_does_not_touch_what_another_hold_has_set_aside() -> None:
    """Money of another hold is not available."""
    made = placed(6)
    made.decide(do.place(MACHINE, user=USER, lines=3))
    assert transfers(capture(made, 9)) == [(EAML, REVENUE, "7"), (DUE, REVENUE, "2")]
    assert funds(made) == ("3", "3")


def test_prices_are_those_of_when_the_hold_was_placed() -> None:
    """A later tariff or other columns change nothing."""
    made = placed(6)
    dearer = tariff(2, since=made.now + timedelta(minutes=1), solving_line_eaml="5")
    made.known = replace(made.known, tariffs=[*made.known.tariffs, dearer])
    made.later(minutes=2)
    event = capture(made, 2)
    assert transfers(event) == [(EAML, REVENUE, "2")]
    assert event["pricing"] == {"tariff": 1, "unit_price": "1.00000000", "quantity": 2}


def test_operation_that_names_a_hold_captures_it() -> None:
    """The capture is final, and recorded as an operation of its kind."""
    made = placed(6)
    event = made.decide(make.solving(MACHINE, user=USER, lines=4, hold=HOLD))
    assert (event["kind"], event["hold"], event["final"]) == ("solving", HOLD, True)
    assert transfers(event) == [(EAML, REVENUE, "4")]
    assert made.hold(HOLD).state == "captured"


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (make.solving_with_api(MACHINE, user=USER, lines=1, hold=HOLD), "type"),
        (make.solving(OTHER, user=USER, lines=1, hold=HOLD), "machine"),
        (make.solving(MACHINE, user=OWNER, lines=1, hold=HOLD), "operation_user"),
    ],
)
def test_operation_that_differs_from_the_hold_is_rejected(operation: Any, field: str) -> None:
    """It has another kind, machine or user."""
    made = placed(6)
    with nothing_changes(made), pytest.raises(HoldMismatch) as refused:
        made.decide(operation)
    assert refused.value.details == {"hold": HOLD, "field": field}


def test_operation_with_another_price_than_the_holds_is_rejected() -> None:
    """Its unit price is compared with the price fixed in the hold."""
    made = placed(6)
    with nothing_changes(made), pytest.raises(PriceChanged):
        made.decide(make.solving(MACHINE, user=USER, lines=4, hold=HOLD, unit_price="2"))
    made.decide(make.solving(MACHINE, user=USER, lines=4, hold=HOLD, unit_price="1"))


def test_void_releases_everything_that_is_left() -> None:
    """Captured work stays paid."""
    made = placed(6)
    capture(made, 2, final=False)
    event = made.decide(do.void(HOLD))
    assert event["transfers"] == []
    assert funds(made) == ("8", "0")
    hold = made.hold(HOLD)
    assert (hold.state, hold.remaining, hold.captured) == ("voided", ZERO, amount(2))


@pytest.mark.parametrize("first", ["captured", "voided"])
@pytest.mark.parametrize("second", ["capture", "void", "operation"])
def test_hold_is_resolved_once(first: str, second: str) -> None:
    """Later commands are rejected; the message says how it was resolved."""
    made = placed(6)
    made.decide(do.capture(HOLD, lines=1) if first == "captured" else do.void(HOLD))
    again = {
        "capture": do.capture(HOLD, lines=1),
        "void": do.void(HOLD),
        "operation": make.solving(MACHINE, user=USER, lines=1, hold=HOLD),
    }[second]
    with nothing_changes(made), pytest.raises(HoldResolved) as refused:
        made.decide(again)
    assert refused.value.details == {"hold": HOLD, "state": first}


@pytest.mark.parametrize("settle", [do.capture(HOLD, lines=1), do.void(HOLD)])
def test_unknown_hold_is_undecided(settle: Any) -> None:
    """The hold may arrive later."""
    made = domain()
    with nothing_changes(made), pytest.raises(Undecided) as undecided:
        made.decide(settle)
    assert undecided.value.details == {"field": "hold", "waits_for": f"hold:{HOLD}"}


def test_hold_expires_at_its_instant() -> None:
    """It is open until then, and released from then on."""
    made = placed(6, minutes=1)
    made.later(seconds=59.999999)
    assert made.sweep() == []
    made.later(seconds=0.000001)
    (event,) = made.sweep()
    assert event["transfers"] == []
    assert funds(made) == ("10", "0")
    assert made.hold(HOLD).state == "expired"
    assert made.sweep() == []


def test_expired_hold_cannot_be_voided() -> None:
    """There is nothing to release; the rejection says so."""
    made = placed(6, minutes=1)
    made.later(minutes=1)
    made.sweep()
    with nothing_changes(made), pytest.raises(HoldResolved) as refused:
        made.decide(do.void(HOLD))
    assert refused.value.details["state"] == "expired"


def test_expired_hold_does_not_block_a_decision() -> None:
    """It is swept before anything is decided, however late the sweep is."""
    made = placed(10, minutes=1)
    made.later(minutes=5)
    assert transfers(made.decide(make.solving(MACHINE, user=USER, lines=10))) == [(EAML, REVENUE, "10")]


def test_late_capture_of_work_done_in_time_is_paid() -> None:
    """The hold is released, so available tokens pay, and the rest becomes due without a limit."""
    made = placed(6, minutes=1, credit_limit_eaml="0")
    in_time = made.now + timedelta(seconds=59)
    made.later(minutes=5)
    made.decide(make.solving(MACHINE, user=USER, lines=8))
    assert transfers(capture(made, 3, final=False, at=in_time)) == [(EAML, REVENUE, "2"), (DUE, REVENUE, "1")]
    assert made.hold(HOLD).state == "expired"
    assert transfers(capture(made, 2, at=in_time)) == [(DUE, REVENUE, "2")]
    hold = made.hold(HOLD)
    assert (hold.state, hold.captured, hold.remaining) == ("captured", amount(5), ZERO)
    with nothing_changes(made), pytest.raises(HoldResolved):
        capture(made, 1, at=in_time)


def test_capture_of_work_done_after_the_expiry_is_rejected() -> None:
    """Such work had no hold: it is an operation of its own. The instant of the expiry counts as after."""
    made = placed(6, minutes=1)
    expires_at = made.hold(HOLD).expires_at
    made.later(minutes=5)
    made.sweep()
    for at in (expires_at, expires_at + timedelta(seconds=1)):
        with nothing_changes(made), pytest.raises(HoldResolved) as refused:
            capture(made, 1, at=at)
        assert refused.value.details["state"] == "expired"


def test_capture_that_claims_to_have_occurred_after_the_expiry_is_rejected_before_it() -> None:
    """A sender's clock may be ahead; the message says what is wrong."""
    made = placed(6, minutes=1)
    with nothing_changes(made), pytest.raises(HoldResolved, match="after"):
        capture(made, 1, at=made.hold(HOLD).expires_at)


def test_captured_hold_does_not_expire() -> None:
    """A voided one does not expire either."""
    made = placed(2, minutes=1)
    other = str(uuid4())
    made.decide(do.place(MACHINE, user=USER, lines=2, hold=other, expires_at=made.hold(HOLD).expires_at))
    capture(made, 1)
    made.decide(do.void(other))
    made.later(minutes=5)
    assert made.sweep() == []


def test_hold_of_nothing_is_a_hold() -> None:
    """No lines are estimated; everything captured is above the hold."""
    made = placed(0)
    assert funds(made) == ("10", "0")
    assert transfers(capture(made, 3)) == [(EAML, REVENUE, "3")]


def test_estimate_that_cannot_be_priced_is_refused_as_an_operation_would_be() -> None:
    """The amount is too large."""
    made = domain(solving_line_eaml="1000")
    with nothing_changes(made), pytest.raises(Rejected) as refused:
        made.decide(do.place(MACHINE, user=USER, lines=2_000_000_000))
    assert refused.value.code == "amount_too_large"


def test_decoding_returns_the_hold_that_was_encoded() -> None:
    """It is written to JSON and read again."""
    made = placed(6)
    hold = made.hold(HOLD)
    assert made.events[-1]["holds"] == {HOLD: encode_hold(hold)}
    kept = decode_hold(HOLD, encode_hold(hold))
    assert isinstance(kept, Hold)
    assert kept == hold
