"""A state machine that compares the engine on PostgreSQL with a model of all commands, at changing times."""

from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, Final
from uuid import UUID

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, event, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ledger import payloads
from ledger.domain.closing import PeriodAction
from ledger.domain.money import text
from ledger.domain.operations import RecordOperation
from ledger.domain.periods import Month
from ledger.engine.posting import post, quote
from ledger.engine.submission import Outcome, Submission
from ledger.expiry import sweep_overdue
from ledger.models import Account, CouponGrant
from ledger.queries.balances import balances, balances_as_of
from ledger.queries.kept import live_grants
from models import ConsultingRequest, User
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, counts, rolled_back
from tests.depth import examples
from tests.ledger.engine.money_model import DAY, UNIT, Code, Contract, MoneyModel, Prices, Purse, Refused
from tests.months import ClosedMonths, effective_at
from tests.projections.world import mismatches, project

USERS: Final = 3
COLUMNS: Final = 2
ACCOUNTS: Final = ("usd", "eaml", "coupon", "due:usd", "due:eaml")
SHOWN: Final = ("usd", "eaml", "coupon", "due:usd", "due:eaml")

KINDS: Final = (
    *("top_up", "bill", "solve", "train", "copy"),
    *("place", "place", "capture", "capture", "void"),
    *("grant", "grant", "create_code", "redeem", "redeem"),
    *("reverse", "reverse", "reverse"),
    *("adjust", "adjust", "resolve", "limit"),
    *("request_payout", "request_payout", "end_payout", "end_payout", "charge_back"),
    *("sign", "sign", "end_contract", "end_contract"),
)

_amounts = st.sampled_from([1, 3, UNIT // 2, UNIT, 7 * UNIT + 1, 300 * UNIT, 999 * UNIT])
_small = st.sampled_from([1, 3, UNIT // 2, UNIT, 7 * UNIT + 1]) | st.integers(1, 30 * UNIT)
_seconds = st.sampled_from([0, 0, 1, 60, 3600, DAY])
_prices = st.sampled_from([0, 1, 3, 5_000, 10_000, 25_000])
_lines = st.sampled_from([0, 1, 777, 10_000, 500_000, 20_000_000])


@dataclass(frozen=True)
class Ask:
    """A command to send. `user` and `pick` are indexes; `pick` counts from the last of what there is."""

    kind: str
    user: int = 0
    pick: int = 0
    amount: int = UNIT
    lines: int = 0
    seconds: int = 60
    account: str = "usd"
    actor: str = "anna"
    yes: bool = True
    whole: bool = True


_asks = st.builds(
    Ask,
    kind=st.sampled_from(KINDS),
    user=st.integers(0, USERS - 1),
    pick=st.integers(0, 4),
    amount=_amounts | st.integers(1, 2000 * UNIT),
    lines=_lines,
    seconds=_seconds,
    account=st.sampled_from(ACCOUNTS),
    actor=st.sampled_from(["anna", "bert"]),
    yes=st.booleans(),
    whole=st.booleans(),
)


class Money(RuleBasedStateMachine):
    """Sends random commands, alone and in batches, and compares answers and state with the model's."""

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.undo.enter_context(rolled_back())
        self.model = MoneyModel()
        # With microseconds, so that no two examples publish a tariff at the same time.
        self.start = timezone.now() + timedelta(minutes=1)
        self.model.day_began = int(self.start.timestamp()) % DAY
        self.users: list[int] = []
        self.machines: list[int] = []
        self.operations: list[str] = []
        self.proposals: list[str] = []
        self.holds: list[str] = []
        self.payouts: list[str] = []
        self.contracts: list[int] = []
        self.closed = ClosedMonths()
        last = Month.of(Month.of(self.start).starts_at - timedelta(days=1))
        before = Month.of(last.starts_at - timedelta(days=1))
        self.months = [last, before, Month.of(before.starts_at - timedelta(days=1))]
        self.sent: list[tuple[Submission, str]] = []
        self.past: list[tuple[int, dict[int, Any], Any]] = []
        self.count = 0

    def teardown(self) -> None:
        self.undo.close()

    @initialize()
    def users_and_machines(self) -> None:
        for _ in range(USERS):
            user = make.make_user()
            self.users.append(user.pk)
            self.model.purses[user.pk] = Purse()
            # An odd price, so that no split is even.
            price = 5 * UNIT + 1
            machine = make.make_machine(user, columns=COLUMNS, copy=decimal(price)).pk
            self.machines.append(machine)
            self.model.owners[machine], self.model.prices[machine] = user.pk, price
        self._send([Ask("top_up", user=n, amount=1000 * UNIT) for n in range(USERS)])
        self._send([Ask("bill", user=n, amount=UNIT) for n in range(USERS)])

    # Commands.

    @rule(asked=st.lists(_asks, min_size=1, max_size=4))
    def send(self, asked: list[Ask]) -> None:
        self._send(asked)

    @rule(user=st.integers(0, USERS - 1), lines=_lines, used=st.integers(0, 150), parts=st.integers(1, 3))
    def work_through_a_hold(self, user: int, lines: int, used: int, parts: int) -> None:
        """Place a hold and capture it in parts, more or less than it holds, in one batch."""
        placing = Ask("place", user=user, lines=lines, seconds=60)
        captures = [
            Ask("capture", lines=lines * used // 100 // parts, seconds=0, yes=number == parts - 1)
            for number in range(parts)
        ]
        self._send([placing, *captures])

    @rule(
        user=st.integers(0, USERS - 1),
        coupons=st.lists(st.tuples(_amounts, _seconds, st.booleans()), min_size=1, max_size=3),
        amount=_small,
        later=_seconds,
        parts=st.lists(_small, max_size=2),
    )
    def pay_with_coupons_and_take_it_back(
        self, user: int, coupons: list[tuple[int, int, bool]], amount: int, later: int, parts: list[int]
    ) -> None:
        """Pay a bill with coupons and reverse it in parts, when some coupons may have expired."""
        given = [
            Ask("grant", user=user, amount=value, seconds=seconds, yes=yes) for value, seconds, yes in coupons
        ]
        self._send([*given, Ask("bill", user=user, amount=amount)])
        self.model.now += later
        for part in parts:
            self._send([Ask("reverse", amount=part, whole=False)])

    @rule(
        user=st.integers(0, USERS - 1), account=st.sampled_from(ACCOUNTS), later=_seconds, yes=st.booleans()
    )
    def adjust_with_four_eyes(self, user: int, account: str, later: int, yes: bool) -> None:
        """Adjust up by more than one person may, then down by half; the proposer or another resolves it."""
        for change, up in ((1100 * UNIT, True), (550 * UNIT, False)):
            self._send([Ask("adjust", user=user, account=account, amount=change, yes=up)])
            self.model.now += later
            self._send([Ask("resolve", actor="bert" if yes else "anna"), Ask("resolve", yes=False)])

    @rule(
        user=st.integers(0, USERS - 1),
        amount=st.sampled_from([UNIT, 7 * UNIT + 1, 300 * UNIT]),
        spent=_small,
        taken=st.none() | _small,
        paid=st.booleans(),
        back=st.none() | _small,
    )
    def pay_out_while_a_payment_is_charged_back(
        self, user: int, amount: int, spent: int, taken: int | None, paid: bool, back: int | None
    ) -> None:
        """Hold, spend and charge back a payment; then end the payout, which may be reversed too."""
        self._send([Ask("top_up", user=user, amount=2 * amount)])
        disputed = Ask("charge_back", amount=taken or 1, whole=taken is None)
        asked = Ask("request_payout", user=user, amount=amount)
        self._send([asked, Ask("bill", user=user, amount=spent), disputed])
        self._send([Ask("end_payout", yes=paid), Ask("end_payout", yes=not paid)])
        self._send([Ask("reverse", amount=back or 1, whole=back is None)])

    @rule(
        user=st.integers(0, USERS - 1),
        lines=st.sampled_from([1, 777]),
        step=st.integers(0, 2),
        part=_small,
        owed=st.integers(0, 30 * UNIT),
    )
    def fulfil_a_contract(self, user: int, lines: int, step: int, part: int, owed: int) -> None:
        """Take a contract from its offer to its end, while a user may come to owe."""
        self._send([Ask("sign", user=user, lines=lines)])
        if owed:
            self._send([Ask("adjust", user=(user + step) % USERS, account="due:usd", amount=owed)])
        again = (step + 1) % 3
        self._send([Ask("end_contract", pick=0, lines=step, amount=part)])
        self._send([Ask("end_contract", pick=0, lines=again, amount=part), Ask("sign", yes=False)])

    @rule(ask=_asks)
    def ask_for_a_quote(self, ask: Ask) -> None:
        """A quote has the answer of posting, and writes nothing."""
        made = self._made(ask)
        if made is None:
            return
        before = counts()
        quoted = quote(made[0], clock=self._clock())
        assert counts() == before
        ((outcome, wanted),) = self._post([made])
        assert _answer(quoted) == _answer(outcome) == wanted

    @precondition(lambda self: self.sent)
    @rule(pick=st.integers(0, 30))
    def send_again(self, pick: int) -> None:
        """The answer stays the same, and nothing is written."""
        submission, answer = self.sent[-1 - pick % len(self.sent)]
        before = counts()
        (outcome,) = post([submission], clock=self._clock())
        if answer != "undecided":
            assert (_answer(outcome), outcome.replayed) == (answer, True)
            # Not even expiries: a replay locks no users.
            assert counts() == before
        else:
            self.sent.remove((submission, answer))

    @rule(seconds=_seconds)
    def wait(self, seconds: int) -> None:
        self.model.now += seconds

    @rule()
    def sweep(self) -> None:
        """A sweep changes no balance that is shown; afterwards the users' rows have the same balances."""
        sweep_overdue(now=self._at(self.model.now))
        for user in self.users:
            assert units(User.objects.get(pk=user).coupon_balance) == self.model.shown(user)[3]

    @precondition(lambda self: self.past)
    @rule(pick=st.integers(0, 100), later=st.sampled_from([0, 1, 60, 3600]))
    def look_back(self, pick: int, later: int) -> None:
        """Balances as of a time are those of the last change before it."""
        moment, purses, holdings = self.past[pick % len(self.past)]
        following = [each for each, _, _ in self.past if each > moment]
        asked = min([moment + later, *(each - 1 for each in following)])
        if asked < moment or asked > self.model.now:
            return
        for user in self.users:
            found = balances_as_of(user, at=self._at(asked))
            assert found is not None
            usd, eaml, _, _, due_usd, due_eaml, held_usd = purses[user]
            coupons, holds = holdings
            worth = sum(left for who, left, expires in coupons if who == user and _is_after(expires, asked))
            held = sum(left for who, left, expires in holds if who == user and expires > asked)
            shown = [units(found.accounts[name].balance) for name in SHOWN]
            assert shown == [usd, eaml, worth, due_usd, due_eaml]
            assert units(found.accounts["eaml"].held) == held
            assert units(found.accounts["usd"].held) == held_usd

    @rule(user=st.integers(0, USERS - 1), back=st.integers(0, 2), amount=_small)
    def pay_in_late(self, user: int, back: int, amount: int) -> None:
        """A late payment counts when it occurred, or when it is recorded if its period is closed."""
        at = self.months[back].starts_at + timedelta(days=3)
        asked = make.top_up(self.users[user], decimal(amount))
        assert isinstance(asked.command, RecordOperation)
        late = replace(asked, command=replace(asked.command, occurred_at=at))
        happen = partial(self.model.top_up, self.users[user], amount)
        ((outcome, wanted),) = self._post([(late, happen, "late")])
        assert (_answer(outcome), wanted) == ("recorded", "recorded")
        assert outcome.event is not None
        counted = at if not self.closed.hold(at) else outcome.event.recorded_at
        assert effective_at(outcome.event) == counted

    @rule(action=st.sampled_from(["close", "close", "reopen"]), back=st.integers(0, 2))
    def close_or_reopen(self, action: PeriodAction, back: int) -> None:
        """Close or reopen a month at any time; months in the wrong order are refused."""
        now, month = self._at(self.model.now), self.months[back]
        (made,) = post([do.change_period(action, month, at=now)], clock=self._clock())
        assert made.event is not None
        allowed = self.closed.allow(action, month, now=now)
        assert (_answer(made) == "proposed") is allowed
        event(f"{action}: {_answer(made)}")
        if allowed:
            (done,) = post([do.approve(made.event.id, subject="period", at=now)], clock=self._clock())
            assert _answer(done) == "recorded"
            self.closed.change(action, month)

    @rule(
        before=st.lists(_asks, max_size=2),
        after=st.lists(_asks, max_size=3),
        prices=st.tuples(_prices, _prices, st.sampled_from([None, 1, 777, 10_000])),
        percent=st.sampled_from([0, 20, 33, 100]),
        later=_seconds,
    )
    def publish_a_tariff(
        self,
        before: list[Ask],
        after: list[Ask],
        prices: tuple[int, int, int | None],
        percent: int,
        later: int,
    ) -> None:
        """Publish a tariff by two people within a batch: now or for later, with a band or without."""
        line, further, above = prices
        since = self.model.now + later
        bands = [] if above is None else [{"above": above, "unit_price": text(Decimal(decimal(further)))}]
        terms: dict[str, Any] = {
            "solving_line_eaml": text(Decimal(decimal(line))),
            "commission_rate": text(Decimal(percent) / 100),
            "bands": {"solving": bands},
        }
        happen = partial(
            self.model.publish, Prices(since, line=line, percent=percent, above=above, further=further)
        )
        self._publish(before, after, since, terms, happen)

    @rule(
        user=st.integers(0, USERS - 1),
        after=st.lists(_asks, max_size=3),
        line=st.none() | _prices,
        later=_seconds,
    )
    def publish_terms_of_a_user(self, user: int, after: list[Ask], line: int | None, later: int) -> None:
        """Publish an override for a user; one without terms ends the one before it."""
        since = self.model.now + later
        terms = {} if line is None else {"solving_line_eaml": text(Decimal(decimal(line)))}
        happen = partial(self.model.publish_own, self.users[user], since, line)
        self._publish([], after, since, terms, happen, user=self.users[user])

    @rule()
    def verify(self) -> None:
        """Everything stored follows from the log, column by column."""
        project()
        assert mismatches() == []

    # Invariants.

    @invariant()
    def balances_agree(self) -> None:
        for user in self.users:
            found = balances(user, at=self._at(self.model.now))
            assert found is not None
            usd, eaml, held, worth, due_usd, due_eaml = self.model.shown(user)
            shown = [units(found.accounts[name].balance) for name in SHOWN]
            assert shown == [usd, eaml, worth, due_usd, due_eaml]
            assert units(found.accounts["eaml"].held) == held
            assert 0 <= held <= eaml
            assert units(found.accounts["usd"].held) == self.model.held_usd(user) <= usd

    @invariant()
    def escrows_and_requests_agree(self) -> None:
        codes = {f"escrow:{contract}": found for contract, found in self.model.contracts.items()}
        kept = dict(Account.objects.filter(code__in=codes).values_list("code", "balance"))
        for code, found in codes.items():
            assert units(kept.get(code, Decimal(0))) == found.escrow
        status = {"offered": "waiting_consultant_approval", "signed": "contract"}
        for request in ConsultingRequest.objects.filter(pk__in=self.model.contracts):
            state = self.model.contracts[request.pk].state
            assert request.status == status.get(state, request.status)
            assert (state == "ended") is (request.status in {"contract_finished", "cancelled"})

    @invariant()
    def grants_agree(self) -> None:
        now = self._at(self.model.now)
        for user in self.users:
            shown = [units(grant.remaining) for grant in live_grants(user, at=now)]
            assert shown == [coupon.left for coupon in self.model.live(user)]
            unswept = sum(CouponGrant.objects.filter(user_id=user).values_list("remaining", flat=True))
            assert User.objects.get(pk=user).coupon_balance == unswept

    # Helpers.

    def _send(self, asked: list[Ask]) -> None:
        made = [each for each in map(self._made, asked) if each is not None]
        for outcome, wanted in self._post(made):
            assert _answer(outcome) == wanted, outcome

    def _publish(
        self,
        before: list[Ask],
        after: list[Ask],
        since: int,
        terms: dict[str, Any],
        happen: partial[None],
        user: int | None = None,
    ) -> None:
        at = self._at(self.model.now)
        effective_from = None if since == self.model.now else self._at(since)
        proposal = do.propose_tariff(since=effective_from, user=user, at=at, **terms)
        (made,) = post([proposal], clock=self._clock())
        assert made.event is not None
        approve = partial(do.approve, made.event.id, subject="tariff", at=at)
        (own,) = post([approve(actor="anna")], clock=self._clock())
        assert (_answer(made), code_of(own)) == ("proposed", "self_approval")
        first, last = ([each for each in map(self._made, asked) if each] for asked in (before, after))
        for outcome, wanted in self._post([*first, (approve(), happen, "publish"), *last]):
            assert _answer(outcome) == wanted, outcome

    def _post(self, made: list[tuple[Submission, partial[None], str]]) -> list[tuple[Outcome, str]]:
        self.model.batch += 1
        outcomes = post([submission for submission, _, _ in made], clock=self._clock())
        answers = []
        for (submission, happen, kind), outcome in zip(made, outcomes, strict=True):
            before = len(self.model.done)
            try:
                happen()
                wanted = "recorded"
            except Refused as refused:
                wanted = refused.code
            event(f"{kind}: {wanted}")
            answers.append((outcome, wanted))
            self.sent.append((submission, wanted))
            if outcome.event is not None:
                payloads.parse(outcome.event)
                self.operations += [outcome.event.id] * (len(self.model.done) - before)
                if outcome.event.type == "proposal.made":
                    self.proposals.append(outcome.event.id)
        self._remember()
        return answers

    def _remember(self) -> None:
        purses = {user: (*self.model.shown(user), self.model.held_usd(user)) for user in self.users}
        coupons = [(each.user, each.left, each.expires) for each in self.model.coupons]
        holds = [
            (each.user, each.left, each.expires) for each in self.model.holds.values() if each.state == "open"
        ]
        if self.past and self.past[-1][0] == self.model.now:
            self.past.pop()
        self.past.append((self.model.now, purses, (coupons, holds)))

    def _clock(self) -> Any:
        now = self._at(self.model.now)
        return lambda: now

    def _at(self, second: int) -> datetime:
        return (self.start + timedelta(seconds=second)).astimezone(UTC)

    def _made(self, ask: Ask) -> tuple[Submission, partial[None], str] | None:
        """Return the submission, its action in the model and its kind; None if there is nothing to pick."""
        user = self.users[ask.user]
        expires = None if ask.seconds == 0 else self.model.now + ask.seconds
        at = self._at(self.model.now)
        found: tuple[Submission, partial[None]] | None = getattr(self, f"_{ask.kind}")(ask, user, expires, at)
        if found is None:
            return None
        asked, happen = found
        if isinstance(asked.command, RecordOperation):
            # Prices depend on the time of occurrence, which is now.
            asked = replace(asked, command=replace(asked.command, occurred_at=at))
        return asked, happen, ask.kind

    def _top_up(self, ask: Ask, user: int, *_: Any) -> Any:
        return make.top_up(user, decimal(ask.amount)), partial(self.model.top_up, user, ask.amount)

    def _bill(self, ask: Ask, user: int, *_: Any) -> Any:
        return make.bill(user, decimal(ask.amount)), partial(self.model.bill, user, ask.amount)

    def _solve(self, ask: Ask, user: int, *_: Any) -> Any:
        asked = make.solving(self.machines[0], user=user, lines=ask.lines)
        return asked, partial(self.model.solve, user, ask.lines)

    def _train(self, ask: Ask, user: int, *_: Any) -> Any:
        machine = self.machines[ask.pick % USERS]
        asked = make.training(machine, user=user, lines=ask.lines)
        return asked, partial(self.model.train, machine, COLUMNS, ask.lines)

    def _copy(self, ask: Ask, user: int, *_: Any) -> Any:
        machine = self.machines[ask.pick % USERS]
        return make.machine_copy(machine, user=user), partial(self.model.copy, user, machine)

    def _place(self, ask: Ask, user: int, expires: int | None, at: datetime) -> Any:
        if ask.yes or not self.holds:
            self.count += 1
            self.holds.append(str(UUID(int=(4 << 76) + (2 << 62) + self.count)))
        hold = _picked(self.holds, 0 if ask.yes else ask.pick)
        second = self.model.now if expires is None else expires
        asked = do.place(
            self.machines[0], user=user, lines=ask.lines, hold=hold, expires_at=self._at(second), at=at
        )
        return asked, partial(self.model.place, hold, user, ask.lines, second)

    def _capture(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if not self.holds:
            return None
        del user
        hold = _picked(self.holds, ask.pick)
        second = self.model.now - ask.seconds
        asked = do.capture(hold, lines=ask.lines, final=ask.yes, at=at - timedelta(seconds=ask.seconds))
        return asked, partial(self.model.capture, hold, ask.lines, second, final=ask.yes)

    def _void(self, ask: Ask, *_: Any) -> Any:
        if not self.holds:
            return None
        hold = _picked(self.holds, ask.pick)
        return do.void(hold), partial(self.model.void, hold)

    def _request_payout(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if ask.yes or not self.payouts:
            self.count += 1
            self.payouts.append(str(UUID(int=(4 << 76) + (2 << 62) + (1 << 40) + self.count)))
        payout = _picked(self.payouts, 0 if ask.yes else ask.pick)
        asked = do.request_payout(user, decimal(ask.amount), payout=payout, at=at)
        return asked, partial(self.model.request_payout, payout, user, ask.amount)

    def _end_payout(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if not self.payouts:
            return None
        del user
        payout = _picked(self.payouts, ask.pick)
        self.count += 1
        asked = do.pay(payout, reference=f"po_{self.count}", at=at) if ask.yes else do.fail(payout, at=at)
        return asked, partial(self.model.end_payout, payout, paid=ask.yes)

    def _charge_back(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        del user
        number = len(self.operations) - 1 - ask.pick % len(self.operations)
        part = None if ask.whole else ask.amount
        asked = do.charge_back(self.operations[number], None if part is None else decimal(part), at=at)
        return asked, partial(self.model.charge_back, number, part)

    def _sign(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if ask.yes or not self.contracts:
            usd, consultant = ask.lines % 1000, self.users[(ask.user + 1) % USERS]
            request = ConsultingRequest.objects.create(user_id=user, category="4")
            request.ask_consultant(User.objects.get(pk=consultant), amount_usd=usd, delay_days=1)
            self.contracts.append(request.pk)
            self.model.contracts[request.pk] = Contract(user, consultant, usd * UNIT)
        contract = self.contracts[-1 if ask.yes else -1 - ask.pick % len(self.contracts)]
        return do.sign(contract, at=at), partial(self.model.sign, contract)

    def _end_contract(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if not self.contracts:
            return None
        del user
        contract = self.contracts[-1 - ask.pick % len(self.contracts)]
        step = ("finish", "cancel", "split")[ask.lines % 3]
        part = {"finish": None, "cancel": 0, "split": ask.amount}[step]
        asked = do.end(contract, step, decimal(ask.amount) if step == "split" else None, at=at)
        return asked, partial(self.model.end, contract, part)

    def _grant(self, ask: Ask, user: int, expires: int | None, at: datetime) -> Any:
        priority = 100 + ask.pick % 2
        asked = do.grant(
            user,
            decimal(ask.amount),
            expires_at=None if expires is None else self._at(expires),
            priority=priority,
            kinds=None if ask.yes else ("training",),
            at=at,
        )
        return asked, partial(self.model.grant, user, ask.amount, priority, expires, pays_bills=ask.yes)

    def _create_code(self, ask: Ask, user: int, expires: int | None, at: datetime) -> Any:
        del user
        valid, most = (None, None) if ask.yes else (1, 1 + ask.pick % 2)
        name = f"CODE-{ask.pick % 2}"
        asked = do.create_code(
            name,
            decimal(ask.amount),
            valid_days=valid,
            redemptions_max=most,
            redeem_until=None if expires is None else self._at(expires),
            at=at,
        )
        return asked, partial(self.model.create_code, name, Code(ask.amount, most, expires, valid))

    def _redeem(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        name = f"CODE-{ask.pick % 2}"
        return do.redeem(name, user=user, at=at), partial(self.model.redeem, name, user)

    def _reverse(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        del user
        number = len(self.operations) - 1 - ask.pick * 2 % len(self.operations)
        part = None if ask.whole else ask.amount
        asked = do.reverse(
            self.operations[number],
            None if part is None else decimal(part),
            spent_by_payee="due" if ask.yes else "loss",
            at=at,
        )
        return asked, partial(self.model.reverse, number, part, as_loss=not ask.yes)

    def _adjust(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        change = ask.amount if ask.yes else -ask.amount
        asked = do.adjust(user, ask.account, Decimal(decimal(change)), actor=ask.actor, at=at)  # type: ignore[arg-type]
        return asked, partial(self.model.adjust, user, ask.account, change, ask.actor)

    def _resolve(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        if not self.proposals:
            return None
        del user
        number = len(self.proposals) - 1 - ask.pick % len(self.proposals)
        verdict = do.approve if ask.yes else do.decline
        asked = verdict(self.proposals[number], actor=ask.actor, at=at)
        return asked, partial(self.model.resolve, number, ask.actor, approve=ask.yes)

    def _limit(self, ask: Ask, user: int, _: int | None, at: datetime) -> Any:
        own = None if ask.yes else ask.amount
        asked = do.limit(user, None if own is None else decimal(own), at=at)
        return asked, partial(self.model.set_limit, user, own)


def decimal(value: int) -> str:
    """Return units as an amount."""
    return f"{Decimal(value).scaleb(-8):f}"


def units(value: Decimal) -> int:
    return int(value.scaleb(8))


def _picked(of: list[str], pick: int) -> str:
    return of[-1 - pick % len(of)]


def _is_after(expires: int | None, moment: int) -> bool:
    return expires is None or expires > moment


def _answer(outcome: Outcome) -> str:
    if outcome.event is not None and outcome.event.type == "proposal.made":
        return "proposed"
    return code_of(outcome)


TestMoney = pytest.mark.django_db(Money.TestCase)
TestMoney.settings = settings(
    max_examples=examples(20),
    stateful_step_count=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
