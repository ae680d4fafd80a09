"""What holds for holds, payouts, contracts, coupons and reversals in every world: a domain with a clock."""

from collections import defaultdict
from collections.abc import Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Any, Final

from hypothesis import event, given
from hypothesis import strategies as st

from ledger.domain.chart import currency_of, owner_of
from ledger.domain.codec import (
    decode_contract,
    decode_grant,
    decode_hold,
    decode_payout,
    decode_reversed,
    encode_contract,
    encode_grant,
    encode_hold,
    encode_payout,
    encode_reversed,
)
from ledger.domain.coupons import live_amount
from ledger.domain.errors import Rejected, Undecided
from ledger.domain.money import QUANTUM, ZERO
from ledger.domain.proposals import AdjustedAccount
from ledger.domain.reversals import split
from ledger.engine.submission import Submission
from tests import builders as make
from tests import commands as do
from tests.builders import amount, machine_terms, short, tariff
from tests.commands import ClockedDomain

OWNER, USER, MACHINE = 1, 2, 7
USERS: Final = (OWNER, USER)
PAYOUTS: Final = tuple(f"bbbbbbbb-0000-4000-8000-00000000000{n}" for n in range(3))
CONTRACTS: Final = (1, 2, 3)
HOLDS: Final = tuple(f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in range(3))
ACCOUNTS: Final[tuple[AdjustedAccount, ...]] = ("usd", "eaml", "coupon", "due:usd", "due:eaml")
KINDS: Final = (
    *("top_up", "bill", "bill", "solve", "copy", "place", "capture", "capture", "void"),
    *("grant", "grant", "reverse", "reverse", "reverse", "adjust", "approve", "wait"),
    *("payout", "payout", "end_payout", "charge_back", "sign", "end_contract", "end_contract"),
)

# 5 of a price and 3 of a rate: nothing comes out even.
PRICE: Final = "5.00000001"
RATE: Final = "0.33333333"

_amounts = st.sampled_from(["0.00000001", "0.00000003", "0.5", "1", "7.00000001"]) | st.integers(
    1, 30 * 10**8
).map(lambda units: short(Decimal(units).scaleb(-8)))


@dataclass(frozen=True, slots=True)
class Ask:
    """A command in this world; `pick` counts whatever there is to choose from."""

    kind: str
    user: int
    pick: int
    amount: str
    lines: int
    seconds: int
    yes: bool

    def __str__(self) -> str:
        return f"{self.kind} of {self.user}: {self.amount}, {self.lines} lines"


asked = st.lists(
    st.builds(
        Ask,
        kind=st.sampled_from(KINDS),
        user=st.sampled_from(USERS),
        pick=st.integers(0, 5),
        amount=_amounts,
        lines=st.integers(0, 12),
        seconds=st.sampled_from([0, 1, 60, 3600]),
        yes=st.booleans(),
    ),
    min_size=1,
    max_size=25,
)


def world() -> ClockedDomain:
    made = ClockedDomain(
        users=USERS,
        machines=[machine_terms(MACHINE, owner=OWNER, copy=PRICE)],
        tariffs=[tariff(solving_line_eaml="0.7", eaml_per_usd=RATE, credit_limit_eaml="20")],
        start={user: {"usd": "50", "eaml": "20"} for user in USERS},
    )
    for contract in CONTRACTS:
        made.offer(contract, client=USER, consultant=OWNER, usd=10 * contract)
    return made


def submission(  # noqa: C901, PLR0911, PLR0912 (one case a kind)
    made: ClockedDomain, ask: Ask
) -> Submission:
    """What is asked, as far as there is something to choose from."""
    hold = HOLDS[ask.pick % len(HOLDS)]
    later = made.now + timedelta(seconds=ask.seconds or 1)
    match ask.kind:
        case "top_up":
            return make.top_up(ask.user, ask.amount)
        case "bill":
            return make.bill(ask.user, ask.amount)
        case "solve":
            return make.solving(MACHINE, user=ask.user, lines=ask.lines)
        case "copy":
            return make.machine_copy(MACHINE, user=USER)
        case "place":
            return do.place(MACHINE, user=ask.user, lines=ask.lines, hold=hold, expires_at=later)
        case "capture":
            at = made.now - timedelta(seconds=ask.seconds)
            return do.capture(hold, lines=ask.lines, final=ask.yes, at=at)
        case "void":
            return do.void(hold)
        case "payout":
            return do.request_payout(ask.user, ask.amount, payout=PAYOUTS[ask.pick % len(PAYOUTS)])
        case "end_payout":
            payout = PAYOUTS[ask.pick % len(PAYOUTS)]
            return do.pay(payout) if ask.yes else do.fail(payout)
        case "charge_back":
            paid = [each for each, was in made.originals.items() if was.kind == "credit_from_user"]
            return do.charge_back(
                paid[-1 - ask.pick % len(paid)] if paid else HOLDS[0], None if ask.yes else ask.amount
            )
        case "sign":
            return do.sign(CONTRACTS[ask.pick % len(CONTRACTS)])
        case "end_contract":
            step = ("finish", "cancel", "split")[ask.lines % 3]
            return do.end(CONTRACTS[ask.pick % len(CONTRACTS)], step, ask.amount if step == "split" else None)
        case "grant":
            kinds = None if ask.pick else ("training",)
            expires_at = None if ask.yes else later
            return do.grant(ask.user, ask.amount, expires_at=expires_at, priority=ask.pick % 2, kinds=kinds)
        case "reverse":
            chosen = list(made.originals)
            operation = chosen[-1 - ask.pick % len(chosen)] if chosen else HOLDS[0]
            loss = "loss" if ask.seconds else "due"
            return do.reverse(operation, None if ask.yes else ask.amount, spent_by_payee=loss)
        case "adjust":
            change = ask.amount if ask.yes else f"-{ask.amount}"
            return do.adjust(ask.user, ACCOUNTS[ask.pick % len(ACCOUNTS)], change, alone_max=amount(20))
        case _:
            chosen = list(made.locked.proposals)
            return do.approve(chosen[ask.pick % len(chosen)] if chosen else HOLDS[0])


def happen(made: ClockedDomain, ask: Ask) -> dict[str, Any] | str:
    """The event's data, or the code of a refusal."""
    if ask.kind == "wait":
        made.later(seconds=ask.seconds)
        return "waited"
    try:
        return made.decide(submission(made, ask))
    except (Rejected, Undecided) as error:
        return error.code


def after_each(asks: Sequence[Ask]) -> Any:
    """The world after each step, with what the step came to. Swept events are in `events` beside it."""
    made = world()
    for ask in asks:
        data = happen(made, ask)
        event(f"{ask.kind}: {data if isinstance(data, str) else 'recorded'}")
        yield made, data


@given(asked)
def test_money_is_moved_and_never_made(asks: list[Ask]) -> None:
    """What users have, less what they owe, is what the platform's accounts gave, in each currency."""
    made = world()
    before = worth(made)
    for ask in asks:
        happen(made, ask)
    platform: dict[str, Decimal] = defaultdict(Decimal)
    for data in made.events:
        for pair in data["transfers"]:
            for code, sign in ((pair["debit"], 1), (pair["credit"], -1)):
                if code not in made.locked.accounts:
                    platform[pair["currency"]] += sign * Decimal(pair["amount"])
    after = worth(made)
    assert {currency: after[currency] - before[currency] for currency in after} == {
        currency: platform[currency] for currency in after
    }


def worth(made: ClockedDomain) -> dict[str, Decimal]:
    """What all users have less what they owe."""
    sums = {"USD": ZERO, "EAML": ZERO}
    for code, account in made.locked.accounts.items():
        sums[currency_of(code)] += account.balance if account.credit_normal else -account.balance
    return sums


@given(asked)
def test_nothing_is_negative_and_held_is_within_the_balance(asks: list[Ask]) -> None:
    """Nor is anything that is left of a grant, a hold or an operation."""
    for made, _ in after_each(asks):
        assert all(0 <= account.held <= account.balance for account in made.locked.accounts.values())
        assert all(left >= 0 for user in USERS for left in made.grants(user).values())
        assert all(hold.remaining >= 0 for hold in made.locked.holds.values())
        assert all(reversed_.left >= 0 for reversed_ in made.locked.reversed.values())
        for payout in made.locked.payouts.values():
            assert payout.remaining == (payout.amount if payout.state == "requested" else 0)
        for contract in made.locked.contracts.values():
            assert contract.remaining == (contract.amount if contract.state == "signed" else 0)
            assert made.escrow(contract.id) == contract.remaining


@given(asked)
def test_captured_is_within_the_hold_unless_the_work_was_more(asks: list[Ask]) -> None:
    """What comes out of a hold is at most what was put into it; the rest was above it, or came late."""
    made = world()
    out_of: dict[str, Decimal] = defaultdict(Decimal)
    overrun: set[str] = set()
    for ask in asks:
        before = dict(made.locked.holds)
        data = happen(made, ask)
        if not isinstance(data, dict) or "hold" not in data or "final" not in data:
            continue
        hold, was = made.hold(data["hold"]), before[data["hold"]]
        work = Decimal("0.7") * data["pricing"]["quantity"]
        assert sum((Decimal(pair["amount"]) for pair in data["transfers"]), ZERO) == work
        assert hold.captured == was.captured + work
        set_aside = ZERO if was.is_overdue(made.now) else was.remaining
        out_of[hold.id] += min(work, set_aside)
        if work > set_aside:
            overrun.add(hold.id)
        assert (hold.state == "open") is (
            not data["final"] and was.state == "open" and not was.is_overdue(made.now)
        )
    for hold in made.locked.holds.values():
        assert out_of[hold.id] <= hold.amount
        assert hold.captured <= hold.amount or hold.id in overrun
        assert hold.state == "open" or hold.remaining == 0


@given(asked)
def test_reversed_is_within_what_was_charged(asks: list[Ask]) -> None:
    """The whole, leg by leg and grant by grant."""
    made = world()
    for ask in asks:
        happen(made, ask)
    for operation, reversed_ in made.locked.reversed.items():
        original = made.originals[operation]
        assert 0 < reversed_.amount <= reversed_.total
        for number, taken in reversed_.legs.items():
            assert 0 < taken <= original.transfers[number - 1].amount
        spent = {part["grant"]: Decimal(part["amount"]) for part in original.data.get("spent", ())}
        assert all(0 < taken <= spent[grant] for grant, taken in reversed_.grants.items())
        if reversed_.left == 0:
            assert all(reversed_.grants.get(grant, ZERO) == paid for grant, paid in spent.items())


@given(asked, st.lists(st.integers(0, 4000), min_size=1, max_size=5))
def test_what_is_live_is_the_sum_of_the_grants_at_every_instant(asks: list[Ask], offsets: list[int]) -> None:
    """What is on the account, less what will have expired by then."""
    for made, _ in after_each(asks):
        for user in USERS:
            grants, on_account = made.locked.user_grants(user), made.locked.balance(user, "coupon")
            assert sum((grant.remaining for grant in grants), ZERO) == on_account
            for offset in offsets:
                then = made.now + timedelta(seconds=offset)
                expired = sum((grant.remaining for grant in grants if grant.is_expired(then)), ZERO)
                assert live_amount(grants, then) == on_account - expired
                pays = sum(live_amount([grant], then, "pay_a_bill") for grant in grants)
                assert live_amount(grants, then, "pay_a_bill") == pays <= live_amount(grants, then)


@given(asked)
def test_coupons_pay_only_bills_and_are_spent_in_order(asks: list[Ask]) -> None:
    """None is begun before the one ahead of it is used up, if it may pay at all."""
    for made, data in after_each(asks):
        if not isinstance(data, dict) or data["kind"] != "pay_a_bill":
            continue
        order = [part["grant"] for part in data.get("spent", ())]
        assert all(made.locked.grants[data["payer"]][grant].remaining == 0 for grant in order[:-1])
        grants = [made.locked.grants[data["payer"]][grant] for grant in order]
        never = made.now + timedelta(days=10**4)
        keys = [(grant.priority, grant.expires_at or never, grant.granted_at) for grant in grants]
        assert keys == sorted(keys)
        assert all(grant.pays("pay_a_bill") for grant in grants)


@st.composite
def parts(draw: st.DrawFn, total: int) -> list[int]:
    """A whole in parts, in any order: each at least 1."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, total - 1)), max_size=5)))
    edges = [0, *(cut for cut in cuts if cut < total), total]
    found = [upper - lower for lower, upper in pairwise(edges)]
    return draw(st.permutations(found))


@given(st.data(), st.sampled_from(["solve", "copy", "bill", "top_up", "capture"]), _amounts, st.booleans())
def test_refund_in_parts_comes_to_the_whole_in_any_order(
    data: st.DataObject, kind: str, value: str, coupons: bool
) -> None:
    """Leg by leg and grant by grant, to the last unit; nobody has more or less than before."""
    made = world()
    if coupons:
        made.decide(do.grant(USER, "0.00000007"))
        made.decide(do.grant(USER, "2", priority=1))
    if kind == "capture":
        made.decide(do.place(MACHINE, user=USER, lines=3, hold=HOLDS[0]))
    before, grants = made.balances(), made.grants(USER)
    lines = data.draw(st.integers(1, 40), label="lines")
    operation = {
        "solve": lambda: make.solving(MACHINE, user=USER, lines=lines),
        "copy": lambda: make.machine_copy(MACHINE, user=USER),
        "bill": lambda: make.bill(USER, value),
        "top_up": lambda: make.top_up(USER, value),
        "capture": lambda: do.capture(HOLDS[0], lines=lines),
    }[kind]()
    try:
        made.decide(operation)
    except Rejected as refused:
        event(refused.code)
        return
    charged = made.last
    original = made.originals[charged]
    total = sum(
        (
            each.amount
            for each in original.transfers
            if kind == "top_up" or (owner_of(each.debit) == 2 and each.currency == _currency(kind))
        ),
        ZERO,
    )
    for part in data.draw(parts(int(total.scaleb(8))), label="parts"):
        made.decide(do.reverse(charged, short(Decimal(part).scaleb(-8))))
    assert made.balances() == before
    assert made.grants(USER) == grants
    kept = made.locked.reversed[charged]
    assert (kept.left, kept.amount) == (ZERO, total)
    settling = {n for n, each in enumerate(original.transfers, 1) if ":due:" in each.credit}
    legs = {n: each.amount for n, each in enumerate(original.transfers, 1) if n not in settling}
    assert dict(kept.legs) == legs


def _currency(kind: str) -> str:
    return "EAML" if kind in {"solve", "capture"} else "USD"


@given(st.lists(st.integers(0, 10**20), min_size=1, max_size=6).filter(sum), st.data())
def test_split_is_exact_and_as_even_as_it_can_be(left: list[int], data: st.DataObject) -> None:
    """Σ is the part; no leg gets more than is left of it, or is a unit away from its exact share."""
    part = data.draw(st.integers(0, sum(left)), label="part")
    shares = split(Decimal(part) * QUANTUM, [Decimal(leg) * QUANTUM for leg in left])
    units = [int(share / QUANTUM) for share in shares]
    assert sum(units) == part
    for share, leg in zip(units, left, strict=True):
        assert 0 <= share <= leg
        assert abs(share - Fraction(part * leg, sum(left))) < 1


@given(asked, st.data())
def test_state_may_be_written_and_read_anywhere(asks: list[Ask], data: st.DataObject) -> None:
    """What events keep of grants, holds and reversals is all that later decisions need."""
    cuts = data.draw(st.sets(st.integers(0, len(asks))), label="cuts")
    whole, parted = world(), world()
    parted.now = whole.now
    for number, ask in enumerate(asks):
        if number in cuts:
            write_and_read(parted)
        assert happen(whole, ask) == happen(parted, ask)
    assert do.state_of(whole) == do.state_of(parted)


def write_and_read(made: ClockedDomain) -> None:
    locked = made.locked
    for grants in locked.grants.values():
        grants.update({each: decode_grant(each, encode_grant(grant)) for each, grant in grants.items()})
    locked.payouts.update(
        {each: decode_payout(each, encode_payout(payout)) for each, payout in locked.payouts.items()}
    )
    locked.contracts.update(
        {
            each: decode_contract(each, encode_contract(contract))
            for each, contract in locked.contracts.items()
        }
    )
    locked.holds.update({each: decode_hold(each, encode_hold(hold)) for each, hold in locked.holds.items()})
    locked.reversed.update(
        {
            each: decode_reversed(each, encode_reversed(reversed_))
            for each, reversed_ in locked.reversed.items()
        }
    )
    made.originals.update({each: replace(original) for each, original in deepcopy(made.originals).items()})
