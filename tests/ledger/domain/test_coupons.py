"""Coupons are grants: spent in order, within their scope, until the instant that they expire."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from ledger.domain.codec import decode_grant, encode_grant
from ledger.domain.coupons import in_spending_order, live_amount
from ledger.domain.errors import (
    AlreadyRedeemed,
    CodeExhausted,
    CodeExists,
    CodeExpired,
    CodeUnknown,
    ExpiryPassed,
    InsufficientFunds,
    Undecided,
)
from ledger.domain.money import ZERO
from tests import builders as make
from tests import commands as do
from tests.builders import amount, machine_terms, tariff, transfers
from tests.commands import ClockedDomain, event, nothing_changes

OWNER, USER, MACHINE = 1, 2, 7
COUPON, USD, PROMOTIONS = "user:2:coupon", "user:2:usd", "platform:promotions:usd"
BILL = ("treasury:eaml", "user:2:eaml")


def domain(usd: str = "100") -> ClockedDomain:
    return ClockedDomain(
        users=[OWNER, USER],
        machines=[machine_terms(MACHINE, owner=OWNER, copy="5")],
        tariffs=[tariff(eaml_per_usd="1", solving_line_eaml="1")],
        start={USER: {"usd": usd}},
    )


def granted(*coupons: dict[str, Any], usd: str = "100") -> ClockedDomain:
    """Return a domain with grants in this order, a second apart: `{"usd": 3, "days": 1, "priority": 5}`."""
    made = domain(usd)
    for coupon in coupons:
        days = coupon.get("days")
        expires_at = None if days is None else made.now + timedelta(days=days)
        rest = {name: value for name, value in coupon.items() if name not in {"usd", "days"}}
        made.decide(do.grant(USER, coupon["usd"], expires_at=expires_at, at=made.now, **rest))
        made.later(seconds=1)
    return made


def paid(made: ClockedDomain, usd: str) -> list[tuple[str, str]]:
    """Pay a bill; return how much of it each grant paid, by the grant's number."""
    data = made.decide(make.bill(USER, usd))
    numbers = {event(number): str(number) for number in range(20)}
    return [(numbers[part["grant"]], make.short(part["amount"])) for part in data.get("spent", [])]


def test_grant_is_credit_from_promotions() -> None:
    """The remaining credit is on an account of the user."""
    made = granted({"usd": 3})
    assert transfers(made.events[0]) == [(PROMOTIONS, COUPON, "3")]
    assert made.balances() == {COUPON: amount(3), USD: amount(100)}
    assert made.grants(USER) == {event(0): amount(3)}


def test_grant_that_would_have_expired_is_refused() -> None:
    """An expiry at this instant counts as expired."""
    made = domain()
    for late in (made.now, made.now - timedelta(days=1)):
        with nothing_changes(made), pytest.raises(ExpiryPassed) as refused:
            made.decide(do.grant(USER, 1, expires_at=late))
        assert refused.value.details == {"field": "expires_at"}


def test_grant_for_an_unknown_user_is_undecided() -> None:
    """The user may become known."""
    made = domain()
    with nothing_changes(made), pytest.raises(Undecided):
        made.decide(do.grant(99, 1))


@pytest.mark.parametrize(
    ("coupons", "order"),
    [
        ([{"usd": 1}, {"usd": 1}, {"usd": 1}], "012"),
        ([{"usd": 1, "priority": 2}, {"usd": 1, "priority": 1}, {"usd": 1, "priority": 0}], "210"),
        ([{"usd": 1}, {"usd": 1, "days": 9}, {"usd": 1, "days": 3}], "210"),
        ([{"usd": 1, "days": 3}, {"usd": 1, "days": 1, "priority": 200}, {"usd": 1, "days": 2}], "201"),
        ([{"usd": 1, "days": 3}, {"usd": 1, "days": 9, "priority": 1}, {"usd": 1, "priority": 1}], "120"),
    ],
)
def test_coupons_are_spent_by_priority_then_expiry_then_age(
    coupons: list[dict[str, Any]], order: str
) -> None:
    """Grants without an expiry come last in their priority. Each is used up before the next."""
    made = granted(*coupons)
    assert paid(made, "2.5") == [(order[0], "1"), (order[1], "1"), (order[2], "0.5")]
    assert paid(made, "1") == [(order[2], "0.5")]


def test_equal_coupons_are_spent_in_the_order_of_their_ids() -> None:
    """The order is defined even for grants of the same instant."""
    made = domain()
    for _ in range(3):
        made.decide(do.grant(USER, 1, at=made.now))
    grants = made.locked.user_grants(USER)
    assert [grant.id for grant in in_spending_order(reversed(grants))] == [event(0), event(1), event(2)]


def test_bill_is_paid_by_coupons_first_then_by_money() -> None:
    """The event says how much each grant paid."""
    made = granted({"usd": 3}, {"usd": 4})
    data = made.decide(make.bill(USER, "10"))
    assert transfers(data) == [
        (COUPON, "platform:revenue:usd", "7"),
        (USD, "platform:revenue:usd", "3"),
        (*BILL, "10"),
    ]
    assert data["spent"] == [
        {"grant": event(0), "amount": "3.00000000"},
        {"grant": event(1), "amount": "4.00000000"},
    ]
    assert {grant: kept["remaining"] for grant, kept in data["grants"].items()} == {
        event(0): "0.00000000",
        event(1): "0.00000000",
    }


def test_bill_within_the_coupons_takes_no_money() -> None:
    """No money is needed."""
    made = granted({"usd": 3}, usd="0")
    assert transfers(made.decide(make.bill(USER, "2"))) == [
        (COUPON, "platform:revenue:usd", "2"),
        (*BILL, "2"),
    ]
    with nothing_changes(made), pytest.raises(InsufficientFunds) as refused:
        made.decide(make.bill(USER, "1.00000001"))
    assert refused.value.details["available"] == "1.00000000"


def test_coupons_never_pay_another_user() -> None:
    """They do not pay compute or holds either, only bills."""
    made = granted({"usd": 50}, usd="4")
    with nothing_changes(made), pytest.raises(InsufficientFunds) as refused:
        made.decide(make.machine_copy(MACHINE, user=USER))
    assert refused.value.details["available"] == "4.00000000"
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.place(MACHINE, user=USER, lines=1))
    with nothing_changes(made), pytest.raises(InsufficientFunds):
        made.decide(do.adjust(USER, "usd", "-5"))


def test_scope_says_what_a_coupon_may_pay() -> None:
    """A grant for another kind is skipped and keeps its value."""
    made = granted({"usd": 3, "kinds": ("training",)}, {"usd": 4, "kinds": ("training", "pay_a_bill")})
    assert paid(made, "5") == [("1", "4")]
    assert made.grants(USER) == {event(0): amount(3), event(1): ZERO}
    assert live_amount(made.locked.user_grants(USER), made.now, "pay_a_bill") == 0
    assert live_amount(made.locked.user_grants(USER), made.now) == 3


def test_coupon_is_worth_something_until_the_instant_it_expires() -> None:
    """It can be spent a microsecond before the expiry, and not at it. The sweep takes what is left."""
    made = granted({"usd": 3, "days": 1})
    expires_at = made.locked.user_grants(USER)[0].expires_at
    assert expires_at is not None
    made.now = expires_at - timedelta(microseconds=1)
    assert paid(made, "1") == [("0", "1")]
    made.now = expires_at
    assert live_amount(made.locked.user_grants(USER), made.now) == 0
    data = made.decide(make.bill(USER, "1"))
    assert "spent" not in data
    swept = made.events[-2]
    assert (swept["kind"], transfers(swept)) == ("coupon_expiry", [(COUPON, PROMOTIONS, "2")])
    assert swept["grant"] == event(0)
    assert made.balances()[USD] == amount(99)
    assert made.locked.balance(USER, "coupon") == 0


def test_expired_coupon_is_swept_once() -> None:
    """A used-up grant leaves nothing to sweep."""
    made = granted({"usd": 3, "days": 1}, {"usd": 1, "days": 1, "priority": 1}, {"usd": 9})
    paid(made, "1")
    made.later(days=3)
    assert [transfers(data) for data in made.sweep()] == [[(COUPON, PROMOTIONS, "3")]]
    assert made.sweep() == []
    assert made.grants(USER) == {event(0): ZERO, event(1): ZERO, event(2): amount(9)}


def offered(**terms: Any) -> ClockedDomain:
    made = domain()
    made.users = [OWNER, USER]
    made.decide(do.create_code("HELLO", 2, **terms))
    return made


def test_redeemed_code_gives_its_grant() -> None:
    """The grant has the code's amount, priority and scope, and expires that many days after redeeming."""
    made = offered(priority=7, kinds=("pay_a_bill",), valid_days=10)
    made.later(days=2)
    data = made.decide(do.redeem("HELLO", user=USER))
    assert transfers(data) == [(PROMOTIONS, COUPON, "2")]
    (grant,) = made.locked.user_grants(USER)
    assert (grant.amount, grant.priority, grant.kinds, grant.code) == (amount(2), 7, ("pay_a_bill",), "HELLO")
    assert grant.expires_at == made.now + timedelta(days=10)
    assert data["codes"]["HELLO"]["redemptions"] == 1


def test_code_without_days_gives_a_grant_without_expiry() -> None:
    made = offered()
    made.decide(do.redeem("HELLO", user=USER))
    assert made.locked.user_grants(USER)[0].expires_at is None


def test_user_redeems_a_code_once() -> None:
    """Other users may still redeem it, and it does not matter if the grant is spent."""
    made = offered()
    made.decide(do.redeem("HELLO", user=USER))
    paid(made, "2")
    with nothing_changes(made), pytest.raises(AlreadyRedeemed):
        made.decide(do.redeem("HELLO", user=USER))
    made.decide(do.redeem("HELLO", user=OWNER))
    assert made.locked.codes["HELLO"].redemptions == 2


def test_code_is_redeemed_up_to_its_maximum() -> None:
    made = offered(redemptions_max=1)
    made.decide(do.redeem("HELLO", user=USER))
    with nothing_changes(made), pytest.raises(CodeExhausted):
        made.decide(do.redeem("HELLO", user=OWNER))


def test_code_is_redeemed_until_its_instant() -> None:
    made = domain()
    until: datetime = made.now + timedelta(days=1)
    made.decide(do.create_code("HELLO", 2, redeem_until=until))
    made.now = until
    with nothing_changes(made), pytest.raises(CodeExpired) as refused:
        made.decide(do.redeem("HELLO", user=USER))
    assert refused.value.details == {"redeem_until": until.isoformat()}
    made.now = until - timedelta(microseconds=1)
    made.decide(do.redeem("HELLO", user=USER))


def test_unknown_code_cannot_be_redeemed() -> None:
    made = domain()
    with nothing_changes(made), pytest.raises(CodeUnknown):
        made.decide(do.redeem("HELLO", user=USER))


def test_code_is_created_once() -> None:
    """A second code of that name would change what the first gives."""
    made = offered()
    with nothing_changes(made), pytest.raises(CodeExists):
        made.decide(do.create_code("HELLO", 3))
    assert made.locked.codes["HELLO"].amount == amount(2)


def test_upward_adjustment_is_a_grant_that_does_not_expire() -> None:
    """It has the usual priority and pays everything."""
    made = domain()
    data = made.decide(do.adjust(USER, "coupon", 3))
    assert (data["kind"], transfers(data)) == ("adjustment", [(PROMOTIONS, COUPON, "3")])
    (grant,) = made.locked.user_grants(USER)
    assert (grant.id, grant.priority, grant.expires_at, grant.kinds) == (event(0), 100, None, None)
    assert grant.remaining == amount(3)


def test_downward_adjustment_takes_grants_in_spending_order() -> None:
    """Grants are taken regardless of their scope, which they keep. The event says how much of each."""
    made = granted({"usd": 3, "kinds": ("training",)}, {"usd": 4, "days": 1})
    data = made.decide(do.adjust(USER, "coupon", "-5"))
    assert transfers(data) == [(COUPON, PROMOTIONS, "5")]
    assert data["spent"] == [
        {"grant": event(1), "amount": "4.00000000"},
        {"grant": event(0), "amount": "1.00000000"},
    ]
    assert made.grants(USER) == {event(0): amount(2), event(1): ZERO}
    assert made.locked.user_grants(USER)[0].kinds == ("training",)


def test_downward_adjustment_takes_what_is_live_at_most() -> None:
    """Expired grants cannot be taken."""
    made = granted({"usd": 3}, {"usd": 4, "days": 1})
    made.later(days=1)
    with pytest.raises(InsufficientFunds) as refused:
        made.decide(do.adjust(USER, "coupon", "-3.00000001"))
    assert refused.value.details["available"] == "3.00000000"
    made.decide(do.adjust(USER, "coupon", "-3"))
    assert made.locked.balance(USER, "coupon") == 0


def test_decoding_returns_the_grant_that_was_encoded() -> None:
    """It is written to JSON and read again."""
    made = granted({"usd": 3, "days": 1, "kinds": ("training",)}, {"usd": 4})
    for grant in made.locked.user_grants(USER):
        assert decode_grant(grant.id, encode_grant(grant)) == grant
