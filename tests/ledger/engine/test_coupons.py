"""Coupons through the engine: races for a code, expiries during a bill, and the live amount at any time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import pairwise
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from ledger.domain.coupons import live_amount
from ledger.domain.money import ZERO
from ledger.engine.kept_store import read_grants
from ledger.engine.posting import post, quote
from ledger.expiry import sweep_overdue
from ledger.models import CouponCode, CouponGrant
from ledger.queries.balances import balances, balances_as_of
from ledger.queries.kept import live_grants
from models import User
from tests import builders as make
from tests import commands as do
from tests.builders import amount, code_of, counts, make_user, on_user, recorded
from tests.connections import together

pytestmark = pytest.mark.django_db(transaction=True)


def shown(user: User, at: datetime | None = None) -> Decimal:
    """Return the amount of the user's coupons, as the user's balances show it."""
    now = timezone.now()
    found = balances(user.pk, at=now) if at is None else balances_as_of(user.pk, at=at)
    assert found is not None
    return found.accounts["coupon"].balance


def fixed_clock(moment: datetime) -> Any:
    """Return a clock that always says `moment`."""
    return lambda: moment


def test_last_redemption_of_a_code_goes_to_one_user() -> None:
    """Of several who redeem it at once, the others get nothing."""
    for number in range(5):
        recorded(do.create_code(f"LAST{number}", 2, redemptions_max=1))
        users = [make_user() for _ in range(4)]
        answers = together(*(partial(post, [do.redeem(f"LAST{number}", user=user)]) for user in users))
        codes = [code_of(outcome) for (outcome,) in answers]
        assert sorted(codes) == ["code_exhausted"] * 3 + ["recorded"]
        winner = users[codes.index("recorded")]
        assert [on_user(user)[2] for user in users] == [2 if user is winner else 0 for user in users]
        assert CouponCode.objects.get(pk=f"LAST{number}").redemptions == 1


def test_concurrent_redemptions_by_one_user_redeem_once(user: User) -> None:
    """The others are rejected as already redeemed."""
    for number in range(5):
        recorded(do.create_code(f"ONCE{number}", 2))
        answers = together(*(partial(post, [do.redeem(f"ONCE{number}", user=user)]) for _ in range(3)))
        assert sorted(code_of(outcome) for (outcome,) in answers) == [
            "already_redeemed",
            "already_redeemed",
            "recorded",
        ]
    assert on_user(user)[2] == 10


def test_batch_redeems_a_code_once_for_each_user_up_to_its_maximum(user: User) -> None:
    """The decisions of a batch see each other, although nothing is in the database yet."""
    recorded(do.create_code("BATCH", 2, redemptions_max=2))
    others = [make_user() for _ in range(2)]
    outcomes = post([do.redeem("BATCH", user=each) for each in (user, user, *others)])
    assert [code_of(outcome) for outcome in outcomes] == [
        "recorded",
        "already_redeemed",
        "recorded",
        "code_exhausted",
    ]


def test_batch_may_create_a_code_and_redeem_it(user: User) -> None:
    """A second creation of the code in the batch is rejected."""
    outcomes = post([do.create_code("NEW", 2), do.redeem("NEW", user=user), do.create_code("NEW", 3)])
    assert [code_of(outcome) for outcome in outcomes] == ["recorded", "recorded", "code_exists"]
    assert on_user(user)[2] == 2


def test_concurrent_creations_create_a_code_once() -> None:
    """The code has the amount of the recorded command."""
    for number in range(5):
        answers = together(*(partial(post, [do.create_code(f"MANY{number}", n)]) for n in (1, 2, 3)))
        codes = [code_of(outcome) for (outcome,) in answers]
        assert sorted(codes) == ["code_exists", "code_exists", "recorded"]
        assert CouponCode.objects.get(pk=f"MANY{number}").amount == codes.index("recorded") + 1


def test_constraints_limit_the_redemptions_of_a_code(user: User) -> None:
    """The database refuses the rows whatever the engine decides."""
    recorded(do.create_code("LIMIT", 2, redemptions_max=1))
    recorded(do.redeem("LIMIT", user=user))
    grant = CouponGrant.objects.get(code="LIMIT")
    for broken in (
        partial(CouponCode.objects.filter(pk="LIMIT").update, redemptions=2),
        partial(CouponCode.objects.filter(pk="LIMIT").update, amount=0),
        partial(CouponGrant.objects.filter(pk=grant.pk).update, remaining=-1),
        partial(CouponGrant.objects.create, id=uuid4(), user_id=user.pk, remaining=1, code="LIMIT", kept={}),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            broken()


def test_coupon_expires_once_if_a_bill_and_sweeps_coincide() -> None:
    """From the moment of expiry on it is never spent, whichever transaction records the expiry."""
    for _ in range(10):
        user = make_user()
        soon = timezone.now() + timedelta(seconds=60)
        recorded(do.grant(user, 5, expires_at=soon))
        recorded(make.top_up(user, 5))
        sweeping: Callable[[], object] = partial(sweep_overdue, now=soon)
        paying = partial(post, [make.bill(user, 5)], clock=fixed_clock(soon))
        together(sweeping, paying, sweeping)
        assert on_user(user) == (ZERO, amount(500), ZERO)
        with connection.cursor() as cursor:
            cursor.execute(
                """select count(*) from events_event
                   where data->>'kind' = 'coupon_expiry' and data->>'payer' = %s""",
                [str(user.pk)],
            )
            assert cursor.fetchone() == (1,)


def test_coupon_is_worth_nothing_from_its_expiry_on_before_any_sweep(user: User) -> None:
    """Decisions, quotes and balances agree on that. The user's row follows with the next write."""
    soon = timezone.now() + timedelta(seconds=60)
    recorded(do.grant(user, 500, expires_at=soon))
    just_before = soon - timedelta(microseconds=1)
    for moment, worth in ((just_before, 500), (soon, 0)):
        found = balances(user.pk, at=moment)
        assert found is not None
        assert found.accounts["coupon"].balance == worth
        assert sum(grant.remaining for grant in live_grants(user.pk, at=moment)) == worth
    before = counts()
    assert code_of(quote(make.bill(user, 200), clock=fixed_clock(just_before))) == "recorded"
    assert code_of(quote(make.bill(user, 200), clock=fixed_clock(soon))) == "insufficient_funds"
    assert counts() == before
    assert on_user(user)[2] == 500
    (outcome,) = post([make.bill(user, 200)], clock=fixed_clock(soon))
    assert code_of(outcome) == "insufficient_funds"
    assert on_user(user)[2] == 0


def test_coupon_balance_as_of_a_time_is_the_sum_of_the_live_grants(user: User) -> None:
    """Grants are given, spent, expired, swept late and restored, and each past moment keeps its balance."""
    start = timezone.now()

    def then(seconds: float) -> datetime:
        return start + timedelta(seconds=seconds)

    steps = [
        (10, do.grant(user, 5, expires_at=then(50))),
        (20, do.grant(user, 7, expires_at=then(200))),
        (30, do.grant(user, 11)),
        (40, make.bill(user, 3)),
        (100, make.bill(user, 8)),
    ]
    bills = []
    for seconds, submission in steps:
        (outcome,) = post([submission], clock=fixed_clock(then(seconds)))
        assert outcome.event is not None
        bills.append(outcome.event.id)
    post([do.reverse(bills[4], 2)], clock=fixed_clock(then(120)))
    sweep_overdue(now=then(300))
    expected = [
        (9.999999, "0"),
        (10, "5"),
        (20, "12"),
        (30, "23"),
        (40, "20"),
        (49.999999, "20"),
        (50, "18"),
        (99, "18"),
        (100, "10"),
        (120, "12"),
        (199.999999, "12"),
        (200, "11"),
        (299, "11"),
        (301, "11"),
    ]
    assert [(seconds, make.short(shown(user, then(seconds)))) for seconds, _ in expected] == expected


def test_balance_grants_and_row_of_the_user_agree(user: User) -> None:
    """They agree after grants, bills, adjustments and expiries, once nothing is overdue."""
    moments = [timezone.now() + timedelta(seconds=10 * n) for n in range(8)]
    for moment, following in pairwise(moments):
        post([do.grant(user, 3, expires_at=following), do.grant(user, 2)], clock=fixed_clock(moment))
        post([make.bill(user, 1), do.adjust(user, "coupon", "-0.5")], clock=fixed_clock(moment))
    sweep_overdue(now=moments[-1])
    with connection.cursor() as cursor:
        grants = read_grants(cursor, [user.pk])
    worth = live_amount(grants, moments[-1])
    found = balances(user.pk, at=moments[-1])
    assert found is not None
    assert worth == sum(grant.remaining for grant in grants) == found.accounts["coupon"].balance
    assert on_user(user)[2] == worth == amount(shown(user))
