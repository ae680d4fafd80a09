"""Properties of holds, payouts, contracts, coupons and reversals in every world: a domain with a clock."""

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

# A price of 5 and a rate of a third: no amount comes out even.
PRICE: Final = "5.00000001"
RATE: Final = "0.33333333"

_amounts = st.sampled_from(["0.00000001", "0.00000003", "0.5", "1", "7.00000001"]) | st.integers(
    1, 30 * 10**8
).map(lambda units: short(Decimal(units).scaleb(-8)))


@dataclass(frozen=True, slots=True)
class DrawnCommand:
    """A command in this world. `pick` is the number of the thing that it is about."""

    kind: str
    user: int
    pick: int
    amount: str
    lines: int
    seconds: int
    yes: bool

    def __str__(self) -> str:
        return f"{self.kind} of {self.user}: {self.amount}, {self.lines} lines"


drawn_commands = st.lists(
    st.builds(
        DrawnCommand,
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
    made: ClockedDomain, drawn: DrawnCommand
) -> Submission:
    """Return the submission of a drawn command, about one of the things that exist."""
    hold = HOLDS[drawn.pick % len(HOLDS)]
    later = made.now + timedelta(seconds=drawn.seconds or 1)
    match drawn.kind:
        case "top_up":
            return make.top_up(drawn.user, drawn.amount)
        case "bill":
            return make.bill(drawn.user, drawn.amount)
        case "solve":
            return make.solving(MACHINE, user=drawn.user, lines=drawn.lines)
        case "copy":
            return make.machine_copy(MACHINE, user=USER)
        case "place":
            return do.place(MACHINE, user=drawn.user, lines=drawn.lines, hold=hold, expires_at=later)
        case "capture":
            at = made.now - timedelta(seconds=drawn.seconds)
            return do.capture(hold, lines=drawn.lines, final=drawn.yes, at=at)
        case "void":
            return do.void(hold)
        case "payout":
            return do.request_payout(drawn.user, drawn.amount, payout=PAYOUTS[drawn.pick % len(PAYOUTS)])
        case "end_payout":
            payout = PAYOUTS[drawn.pick % len(PAYOUTS)]
            return do.pay(payout) if drawn.yes else do.fail(payout)
        case "charge_back":
            paid = [each for each, was in made.originals.items() if was.kind == "credit_from_user"]
            return do.charge_back(
                paid[-1 - drawn.pick % len(paid)] if paid else HOLDS[0], None if drawn.yes else drawn.amount
            )
        case "sign":
            return do.sign(CONTRACTS[drawn.pick % len(CONTRACTS)])
        case "end_contract":
            step = ("finish", "cancel", "split")[drawn.lines % 3]
            return do.end(
                CONTRACTS[drawn.pick % len(CONTRACTS)], step, drawn.amount if step == "split" else None
            )
        case "grant":
            kinds = None if drawn.pick else ("training",)
            expires_at = None if drawn.yes else later
            return do.grant(
                drawn.user, drawn.amount, expires_at=expires_at, priority=drawn.pick % 2, kinds=kinds
            )
        case "reverse":
            chosen = list(made.originals)
            operation = chosen[-1 - drawn.pick % len(chosen)] if chosen else HOLDS[0]
            loss = "loss" if drawn.seconds else "due"
            return do.reverse(operation, None if drawn.yes else drawn.amount, spent_by_payee=loss)
        case "adjust":
            change = drawn.amount if drawn.yes else f"-{drawn.amount}"
            return do.adjust(drawn.user, ACCOUNTS[drawn.pick % len(ACCOUNTS)], change, alone_max=amount(20))
        case _:
            chosen = list(made.locked.proposals)
            return do.approve(chosen[drawn.pick % len(chosen)] if chosen else HOLDS[0])


def happen(made: ClockedDomain, drawn: DrawnCommand) -> dict[str, Any] | str:
    """Return the data of the event, or the code of a refusal."""
    if drawn.kind == "wait":
        made.later(seconds=drawn.seconds)
        return "waited"
    try:
        return made.decide(submission(made, drawn))
    except (Rejected, Undecided) as error:
        return error.code


def after_each(commands: Sequence[DrawnCommand]) -> Any:
    """Yield the world after each command, with the result of it. Swept events are in `events`."""
    made = world()
    for drawn in commands:
        data = happen(made, drawn)
        event(f"{drawn.kind}: {data if isinstance(data, str) else 'recorded'}")
        yield made, data


@given(drawn_commands)
def test_money_is_moved_and_never_made(commands: list[DrawnCommand]) -> None:
    """Users' balances less their debts are what the platform's accounts gave, in each currency."""
    made = world()
    before = worth(made)
    for drawn in commands:
        happen(made, drawn)
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
    """Return all users' balances less their debts."""
    sums = {"USD": ZERO, "EAML": ZERO}
    for code, account in made.locked.accounts.items():
        sums[currency_of(code)] += account.balance if account.credit_normal else -account.balance
    return sums


@given(drawn_commands)
def test_nothing_is_negative_and_held_is_within_the_balance(commands: list[DrawnCommand]) -> None:
    """The rest of a grant, a hold or an operation is not negative either."""
    for made, _ in after_each(commands):
        assert all(0 <= account.held <= account.balance for account in made.locked.accounts.values())
        assert all(left >= 0 for user in USERS for left in made.grants(user).values())
        assert all(hold.remaining >= 0 for hold in made.locked.holds.values())
        assert all(reversed_.left >= 0 for reversed_ in made.locked.reversed.values())
        for payout in made.locked.payouts.values():
            assert payout.remaining == (payout.amount if payout.state == "requested" else 0)
        for contract in made.locked.contracts.values():
            assert contract.remaining == (contract.amount if contract.state == "signed" else 0)
            assert made.escrow(contract.id) == contract.remaining


@given(drawn_commands)
def test_captured_is_within_the_hold_unless_the_work_was_more(commands: list[DrawnCommand]) -> None:
    """At most what was put into a hold comes out of it; the rest was above it, or late."""
    made = world()
    out_of: dict[str, Decimal] = defaultdict(Decimal)
    overrun: set[str] = set()
    for drawn in commands:
        before = dict(made.locked.holds)
        data = happen(made, drawn)
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


@given(drawn_commands)
def test_reversed_is_within_what_was_charged(commands: list[DrawnCommand]) -> None:
    """The whole, each leg and each grant is within its own amount."""
    made = world()
    for drawn in commands:
        happen(made, drawn)
    for operation, reversed_ in made.locked.reversed.items():
        original = made.originals[operation]
        assert 0 < reversed_.amount <= reversed_.total
        for number, taken in reversed_.legs.items():
            assert 0 < taken <= original.transfers[number - 1].amount
        spent = {part["grant"]: Decimal(part["amount"]) for part in original.data.get("spent", ())}
        assert all(0 < taken <= spent[grant] for grant, taken in reversed_.grants.items())
        if reversed_.left == 0:
            assert all(reversed_.grants.get(grant, ZERO) == paid for grant, paid in spent.items())


@given(drawn_commands, st.lists(st.integers(0, 4000), min_size=1, max_size=5))
def test_live_amount_is_the_sum_of_the_grants_at_every_instant(
    commands: list[DrawnCommand], offsets: list[int]
) -> None:
    """It is the balance of the account less what will have expired by then."""
    for made, _ in after_each(commands):
        for user in USERS:
            grants, on_account = made.locked.user_grants(user), made.locked.balance(user, "coupon")
            assert sum((grant.remaining for grant in grants), ZERO) == on_account
            for offset in offsets:
                then = made.now + timedelta(seconds=offset)
                expired = sum((grant.remaining for grant in grants if grant.is_expired(then)), ZERO)
                assert live_amount(grants, then) == on_account - expired
                pays = sum(live_amount([grant], then, "pay_a_bill") for grant in grants)
                assert live_amount(grants, then, "pay_a_bill") == pays <= live_amount(grants, then)


@given(drawn_commands)
def test_coupons_pay_only_bills_and_are_spent_in_order(commands: list[DrawnCommand]) -> None:
    """A grant is used only after those before it that may pay are used up."""
    for made, data in after_each(commands):
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
    """Draw a whole in parts of at least 1, in any order."""
    cuts = sorted(draw(st.sets(st.integers(1, max(1, total - 1)), max_size=5)))
    edges = [0, *(cut for cut in cuts if cut < total), total]
    found = [upper - lower for lower, upper in pairwise(edges)]
    return draw(st.permutations(found))


@given(st.data(), st.sampled_from(["solve", "copy", "bill", "top_up", "capture"]), _amounts, st.booleans())
def test_refund_in_parts_comes_to_the_whole_in_any_order(
    data: st.DataObject, kind: str, value: str, coupons: bool
) -> None:
    """Leg by leg and grant by grant, to the last unit, every account is as before."""
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
    """The shares add up to the part.

    No leg gets more than is left of it, or differs by a unit from its exact share.
    """
    part = data.draw(st.integers(0, sum(left)), label="part")
    shares = split(Decimal(part) * QUANTUM, [Decimal(leg) * QUANTUM for leg in left])
    units = [int(share / QUANTUM) for share in shares]
    assert sum(units) == part
    for share, leg in zip(units, left, strict=True):
        assert 0 <= share <= leg
        assert abs(share - Fraction(part * leg, sum(left))) < 1


@given(drawn_commands, st.data())
def test_state_may_be_written_and_read_anywhere(commands: list[DrawnCommand], data: st.DataObject) -> None:
    """Later decisions need nothing but what events store of grants, holds and reversals."""
    cuts = data.draw(st.sets(st.integers(0, len(commands))), label="cuts")
    whole, parted = world(), world()
    parted.now = whole.now
    for number, drawn in enumerate(commands):
        if number in cuts:
            write_and_read(parted)
        assert happen(whole, drawn) == happen(parted, drawn)
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
