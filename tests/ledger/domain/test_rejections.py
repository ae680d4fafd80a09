"""Every rejection: its code, its details, and that it changes no account."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from events.message import StoredEvent
from ledger.domain import errors
from ledger.domain.errors import Rejected, Undecided
from ledger.engine.submission import Outcome, Submission
from tests import builders as make
from tests.builders import LONG_AGO, PureDomain, machine_terms, tariff

OWNER, BUYER, MACHINE, UNPRICED = 1, 2, 7, 8
TERMS = [
    machine_terms(MACHINE, owner=OWNER, api="0.01", data_source="3", copy="5", copy_update="0.5"),
    machine_terms(UNPRICED, owner=OWNER),
]
START = {OWNER: {"usd": "100", "eaml": "100"}, BUYER: {"usd": "4.99999999", "eaml": "0.5", "due:eaml": "999"}}


def domain(**changes: Any) -> PureDomain:
    return PureDomain(users=[OWNER, BUYER], **{"machines": TERMS, "start": START, **changes})


REJECTIONS: list[tuple[str, Callable[[], Submission], dict[str, Any]]] = [
    (
        "insufficient_funds",
        lambda: make.machine_copy(MACHINE, user=BUYER),
        {"currency": "USD", "amount": "5.00000000", "available": "4.99999999"},
    ),
    (
        "insufficient_funds",
        lambda: make.bill(BUYER, "5"),
        {"currency": "USD", "amount": "5.00000000", "available": "4.99999999"},
    ),
    (
        "insufficient_funds",
        lambda: make.adjustment(BUYER, "eaml", "-0.50000001"),
        {"currency": "EAML", "amount": "0.50000001", "available": "0.50000000"},
    ),
    (
        "credit_limit_exceeded",
        lambda: make.solving(MACHINE, user=BUYER, lines=15001),
        {
            "currency": "EAML",
            "amount": "1.50010000",
            "available": "0.50000000",
            "due": "999.00000000",
            "credit_limit": "1000.00000000",
        },
    ),
    ("not_for_sale", lambda: make.api_market(UNPRICED, user=BUYER), {"machine": UNPRICED}),
    ("not_for_sale", lambda: make.data_source(UNPRICED, user=BUYER), {"machine": UNPRICED}),
    ("no_price", lambda: make.machine_copy(UNPRICED, user=BUYER), {"machine": UNPRICED}),
    ("no_price", lambda: make.copy_update(UNPRICED, user=BUYER), {"machine": UNPRICED}),
    ("own_machine", lambda: make.machine_copy(MACHINE, user=OWNER), {"machine": MACHINE}),
    ("own_machine", lambda: make.copy_update(MACHINE, user=OWNER), {"machine": MACHINE}),
    ("own_machine", lambda: make.data_source(MACHINE, user=OWNER), {"machine": MACHINE}),
    ("own_machine", lambda: make.api_market(MACHINE, user=OWNER), {"machine": MACHINE}),
    (
        "price_changed",
        lambda: make.machine_copy(MACHINE, user=BUYER, unit_price="4.99"),
        {"unit_price": "5.00000000", "sent": "4.99000000"},
    ),
    (
        "price_changed",
        lambda: make.training(MACHINE, user=BUYER, unit_price="0"),
        {"unit_price": "0.00001000", "sent": "0.00000000"},
    ),
    (
        "amount_too_large",
        lambda: make.top_up(OWNER, "999999999999.99999999"),
        {"account": "user:1:usd"},
    ),
]


@pytest.mark.parametrize(("code", "submission", "details"), REJECTIONS)
def test_rejection_has_its_code_and_details_and_changes_nothing(
    code: str, submission: Callable[[], Submission], details: dict[str, Any]
) -> None:
    """Callers can act on the details, and no account changes."""
    before = domain().balances()
    tried = domain()
    with pytest.raises(Rejected) as refused:
        tried.decide(submission())
    assert refused.value.code == code
    assert refused.value.details == details
    assert tried.balances() == before
    assert all(account.version <= 1 for account in tried.locked.accounts.values())


def test_public_data_without_a_price_has_no_price() -> None:
    """It is offered, but its owner set no price."""
    offered = replace(TERMS[1], data_source_is_public=True, api_solving_is_public=True)
    for submission in (make.data_source(UNPRICED, user=BUYER), make.api_market(UNPRICED, user=BUYER)):
        with pytest.raises(errors.NoPrice):
            domain(machines=[offered]).decide(submission)


def test_bill_too_small_for_a_token_is_rejected() -> None:
    """USD that would buy nothing is not taken."""
    dear = domain(tariffs=[tariff(eaml_per_usd="0.5")])
    with pytest.raises(errors.AmountTooSmall) as refused:
        dear.decide(make.bill(OWNER, "0.00000001"))
    assert refused.value.details == {"amount": "0.00000001"}
    assert [move[2] for move in make.transfers(dear.decide(make.bill(OWNER, "0.00000002")))] == [
        "0.00000002",
        "0.00000001",
    ]


@pytest.mark.parametrize(
    "submission",
    [
        lambda: make.training(MACHINE, user=OWNER, lines=2147483647),
        lambda: make.solving(MACHINE, user=BUYER, lines=2147483647),
        lambda: make.api_market(MACHINE, user=BUYER, lines=2147483647),
        lambda: make.bill(OWNER, "999999999999"),
    ],
)
def test_price_with_more_than_twelve_digits_is_rejected(submission: Callable[[], Submission]) -> None:
    """It is refused before any account is looked at, because no column could hold it."""
    dear = domain(
        machines=[machine_terms(MACHINE, owner=OWNER, api="999999999999")],
        tariffs=[tariff(training_cell_eaml="9999", solving_line_eaml="9999")],
    )
    with pytest.raises(errors.AmountTooLarge):
        dear.decide(submission())


def test_operation_before_the_first_tariff_is_rejected() -> None:
    """No tariff was in force then."""
    late = domain(tariffs=[tariff(since=make.minutes_ago(10))])
    with pytest.raises(errors.UnknownTariff):
        late.decide(make.solving(MACHINE, user=OWNER, at=make.minutes_ago(11)))
    assert late.decide(make.solving(MACHINE, user=OWNER, at=make.minutes_ago(9)))["transfers"]


@pytest.mark.parametrize(
    ("submission", "waits_for", "field"),
    [
        (lambda: make.top_up(99, "1"), "user:99", "operation_user"),
        (lambda: make.machine_copy(MACHINE, user=99), "user:99", "operation_user"),
        (lambda: make.solving(99, user=BUYER), "machine:99", "machine"),
        (lambda: make.adjustment(99, "usd", 1), "user:99", "operation_user"),
    ],
)
def test_unknown_user_or_machine_is_undecided(
    submission: Callable[[], Submission], waits_for: str, field: str
) -> None:
    """It may still become known, so the command is neither recorded nor rejected."""
    with pytest.raises(Undecided) as undecided:
        domain().decide(submission())
    assert undecided.value.retryable
    assert undecided.value.details == {"field": field, "waits_for": waits_for}


def test_codes_are_distinct_and_lead_back_to_their_class() -> None:
    """A stored rejection is raised again as the same class."""
    kinds = Rejected.__subclasses__()
    assert len({kind.code for kind in kinds}) == len(kinds)
    assert all(errors.rejected_by_code(kind.code) is kind for kind in kinds)
    assert errors.rejected_by_code("of_another_time") is Rejected
    assert not any(kind.retryable for kind in kinds)


def test_stored_rejection_is_raised_with_its_details() -> None:
    """The ORM and other callers get the error instead of an outcome."""
    data = {"rejection": {"code": "no_price", "message": "the machine has no price", "machine": 8}}
    event = StoredEvent(
        position=1,
        id="x",
        stream="operation:x",
        type="operation.rejected",
        schema_version=1,
        data=data,
        metadata={},
        occurred_at=LONG_AGO,
        recorded_at=LONG_AGO,
    )
    with pytest.raises(errors.NoPrice, match="the machine has no price") as raised:
        Outcome(status="rejected", event=event).raise_rejection()
    assert raised.value.details == {"machine": 8}
    Outcome(status="recorded", event=event).raise_rejection()
