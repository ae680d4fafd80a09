"""Properties of every operation in every world: the pure domain, without a database."""

from collections import defaultdict
from copy import deepcopy
from decimal import Decimal
from typing import Any

from hypothesis import assume, event, given
from hypothesis import strategies as st

from ledger.domain.chart import ALLOWED_PAIRS, currency_of, kind_of
from ledger.domain.entries import entries, increases
from ledger.domain.errors import Rejected
from ledger.domain.locked_state import Account, LockedState
from ledger.engine.submission import Submission
from tests.builders import PureDomain, amount
from tests.strategies import DrawnOperation, drawn_operations, submission_in, worlds

SOME = st.lists(drawn_operations(), min_size=1, max_size=12)


def decided(domain: PureDomain, submission: Submission) -> dict[str, Any] | Rejected:
    try:
        return domain.decide(submission)
    except Rejected as error:
        return error


def states(domain: PureDomain) -> dict[str, tuple[Decimal, int]]:
    return {code: (account.balance, account.version) for code, account in domain.locked.accounts.items()}


@given(worlds(), SOME)
def test_every_operation_balances_in_each_currency(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """Debits equal credits in every transfer, so also in any sum of them; the pair is allowed."""
    for drawn in asked:
        data = decided(domain, submission_in(drawn))
        if isinstance(data, Rejected):
            event(data.code)
            continue
        sums: dict[str, Decimal] = defaultdict(Decimal)
        for line in entries(data["transfers"], data["accounts"]):
            assert amount(line.amount) > 0
            assert currency_of(line.account) == line.currency
            sums[line.currency] += Decimal(line.amount) if line.side == "D" else -Decimal(line.amount)
        assert not any(sums.values())
        for pair in data["transfers"]:
            assert (data["kind"], kind_of(pair["debit"]), kind_of(pair["credit"])) in ALLOWED_PAIRS


@given(worlds(), SOME)
def test_no_balance_is_ever_negative(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """A balance is not negative or below what is held, even between the entries of an operation."""
    for drawn in asked:
        data = decided(domain, submission_in(drawn))
        assert all(0 <= account.held <= account.balance for account in domain.locked.accounts.values())
        if isinstance(data, dict):
            for line in entries(data["transfers"], data["accounts"]):
                assert line.balance_after is None or Decimal(line.balance_after) >= 0


@given(worlds(), SOME)
def test_debt_grows_up_to_the_limit_and_not_beyond(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """An older debt may be above the limit, and then only shrinks."""
    (tariff,) = domain.tariffs
    for drawn in asked:
        before = domain.balances()
        decided(domain, submission_in(drawn))
        for code, balance in domain.balances().items():
            if code.endswith("due:eaml") and balance > before.get(code, 0):
                assert balance <= tariff.credit_limit_eaml


@given(worlds(), SOME)
def test_entries_walk_back_to_the_state_before(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """The event has the state after; undoing its entries one by one gives the state before."""
    for drawn in asked:
        before = states(domain)
        data = decided(domain, submission_in(drawn))
        if isinstance(data, Rejected):
            assert states(domain) == before
            continue
        state = states(domain)
        for line in reversed(entries(data["transfers"], data["accounts"])):
            if line.version is None:
                continue
            balance, version = state[line.account]
            assert (line.balance_after, line.version) == (f"{balance:.8f}", version)
            change = Decimal(line.amount) * (1 if increases(line.account, line.side) else -1)
            state[line.account] = balance - change, version - 1
        assert state == before


@given(worlds(), SOME)
def test_entries_of_an_account_add_up_to_its_balance(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """They start from the opening balance and have gapless versions."""
    sums = {code: balance for code, (balance, _) in states(domain).items()}
    versions = {code: version for code, (_, version) in states(domain).items()}
    for drawn in asked:
        data = decided(domain, submission_in(drawn))
        if isinstance(data, Rejected):
            continue
        for line in entries(data["transfers"], data["accounts"]):
            if line.version is None:
                continue
            sums[line.account] += Decimal(line.amount) * (1 if increases(line.account, line.side) else -1)
            versions[line.account] += 1
            assert versions[line.account] == line.version
    assert {code: (sums[code], versions[code]) for code in sums} == states(domain)


@given(worlds(), SOME)
def test_deciding_again_gives_the_same(domain: PureDomain, asked: list[DrawnOperation]) -> None:
    """A decision depends on no clock, no chance and no earlier run."""
    twin = deepcopy(domain)
    for drawn in asked:
        submission = submission_in(drawn)
        one, other = decided(domain, submission), decided(twin, submission)
        if isinstance(one, Rejected):
            assert isinstance(other, Rejected)
            assert (one.code, one.message, one.details) == (other.code, other.message, other.details)
        else:
            assert one == other


@given(worlds(), SOME, st.data())
def test_batch_may_be_split_anywhere(
    domain: PureDomain, asked: list[DrawnOperation], data: st.DataObject
) -> None:
    """Writing accounts back and reading them again between two operations changes nothing."""
    whole, parts = deepcopy(domain), domain
    submissions = [submission_in(drawn) for drawn in asked]
    cuts = data.draw(st.sets(st.integers(0, len(asked))), label="cuts")
    for index, submission in enumerate(submissions):
        if index in cuts:
            parts.locked = written_and_read(parts.locked)
        one, other = decided(whole, submission), decided(parts, submission)
        assert str(one) == str(other)
    assert states(whole) == states(parts)


def written_and_read(locked: LockedState) -> LockedState:
    return LockedState(
        Account(
            account.code,
            account.user,
            account.credit_normal,
            account.id,
            Decimal(f"{account.balance:.8f}"),
            Decimal(f"{account.held:.8f}"),
            account.version,
            account.credit_limit,
        )
        for account in locked.accounts.values()
    )


@given(worlds(), st.lists(drawn_operations(), min_size=2, max_size=6), st.data())
def test_operations_that_all_succeed_end_in_the_same_balances_in_any_order(
    domain: PureDomain, asked: list[DrawnOperation], data: st.DataObject
) -> None:
    """The order decides which operations are rejected, and nothing else."""
    tried = deepcopy(domain)
    good = [drawn for drawn in asked if isinstance(decided(tried, submission_in(drawn)), dict)]
    assume(len(good) > 1)
    other = deepcopy(domain)
    for drawn in data.draw(st.permutations(good), label="order"):
        assume(isinstance(decided(other, submission_in(drawn)), dict))
    assert tried.balances() == other.balances()
