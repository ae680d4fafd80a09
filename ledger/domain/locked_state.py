"""The locked state of a batch: accounts, grants, holds, reversals and so on. Decisions evolve it."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from ledger.domain.chart import USER_ACCOUNTS, Transfer, is_escrow, is_user_account, user_account
from ledger.domain.consulting import Contract
from ledger.domain.coupons import Code, Grant
from ledger.domain.errors import AmountTooLarge
from ledger.domain.holds import Hold
from ledger.domain.money import AMOUNT_MAX, ZERO
from ledger.domain.payment_references import PaymentReference
from ledger.domain.payouts import Payout
from ledger.domain.periods import MonthEnd, Period, closed_until
from ledger.domain.proposals import Adjusted, Proposal
from ledger.domain.reversals import Reversed

State: TypeAlias = (
    Grant
    | Hold
    | Reversed
    | Code
    | Proposal
    | Adjusted
    | Payout
    | PaymentReference
    | Contract
    | Period
    | MonthEnd
)
"""The parts of the locked state other than accounts."""


@dataclass(slots=True)
class Account:
    """A user's account while its row is locked. `balance` counts on the normal side."""

    code: str
    user: int
    credit_normal: bool
    id: int = 0
    balance: Decimal = ZERO
    held: Decimal = ZERO
    version: int = 0
    credit_limit: Decimal | None = None
    """On a due account: how much this user may owe, if it is not the tariff's limit."""
    recorded_at: datetime | None = None
    """When the last event that touched it before the lock was recorded."""

    @property
    def available(self) -> Decimal:
        """Return what can be spent: balance − held."""
        return self.balance - self.held


class BrokenInvariant(Exception):
    """The accounts would be wrong. Never caught: the transaction has to fail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """The result of a command: the type and data of an event, and the state after it.

    `held` is what is set aside (positive) or released (negative) by account code, before the transfers.
    `states` has the new values of everything that it changed other than accounts. `occurred_at` is set if
    no command says when it happened.
    """

    type: str
    kind: str
    payer: int
    users: tuple[int, ...]
    transfers: tuple[Transfer, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    stream: str | None = None
    occurred_at: datetime | None = None
    held: Mapping[str, Decimal] = field(default_factory=dict)
    states: tuple[State, ...] = ()
    credit_limits: Mapping[str, Decimal | None] = field(default_factory=dict)


class LockedState:
    """The state of every user that a batch locked, evolving decision by decision."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.accounts: dict[str, Account] = {}
        self._accounts_of: dict[int, list[Account]] = {}
        self.add_accounts(accounts)
        self.grants: dict[int, dict[str, Grant]] = {}
        self.holds: dict[str, Hold] = {}
        self._holds_of: dict[int, set[str]] = {}
        self.reversed: dict[str, Reversed] = {}
        self.codes: dict[str, Code] = {}
        self.proposals: dict[str, Proposal] = {}
        self.adjusted: dict[str, Adjusted] = {}
        self.payouts: dict[str, Payout] = {}
        self.contracts: dict[int, Contract] = {}
        self.latest_tariff = 0
        """The latest version of the tariff; read only if another one may be published."""
        self.payments: dict[str, PaymentReference] = {}
        self.periods: dict[str, Period] = {}
        """All periods by month (`2026-10`); read only if one of them may change."""
        self.month_ends: dict[str, MonthEnd] = {}
        self.closed_until: datetime | None = None
        """Operations that occurred before this time are effective when they are recorded."""

    @classmethod
    def empty(cls, users: Iterable[int]) -> "LockedState":
        """Return the state of users who never had a transfer."""
        return cls(
            Account(user_account(user, account.name), user, account.normal_side == "C")
            for user in users
            for account in USER_ACCOUNTS
        )

    def add(self, states: Iterable[State]) -> None:  # noqa: C901 (one case a state)
        """Add further state. Adding a period also updates `closed_until`."""
        for state in states:
            match state:
                case Grant():
                    self.grants.setdefault(state.user, {})[state.id] = state
                case Hold():
                    self.holds[state.id] = state
                    self._holds_of.setdefault(state.user, set()).add(state.id)
                case Reversed():
                    self.reversed[state.operation] = state
                case Code():
                    self.codes[state.code] = state
                case Proposal():
                    self.proposals[state.id] = state
                case Adjusted():
                    self.adjusted[state.key] = state
                case Payout():
                    self.payouts[state.id] = state
                case PaymentReference():
                    self.payments[state.digest] = state
                case Contract():
                    self.contracts[state.id] = state
                case MonthEnd():
                    self.month_ends[str(state.month)] = state
                case Period():
                    self.periods[str(state.month)] = state
                    self.closed_until = closed_until(self.periods.values())

    def add_accounts(self, accounts: Iterable[Account]) -> None:
        """Add accounts, those of a user in the order of the chart. Escrows belong to no user."""
        for account in accounts:
            self.accounts[account.code] = account
            if not is_escrow(account.code):
                self._accounts_of.setdefault(account.user, []).append(account)

    def has_user(self, user: int) -> bool:
        """Return True if the user's accounts are locked."""
        return user in self._accounts_of

    @property
    def users(self) -> Iterable[int]:
        """Return the users whose accounts are locked."""
        return self._accounts_of.keys()

    def account(self, user: int, name: str) -> Account:
        """Return a user's account: `account(42, "due:usd")`."""
        return self.accounts[user_account(user, name)]

    def available(self, user: int, name: str) -> Decimal:
        """Return what is available on a user's account: balance − held."""
        return self.account(user, name).available

    def balance(self, user: int, name: str) -> Decimal:
        """Return the balance of a user's account."""
        return self.account(user, name).balance

    def user_accounts(self, user: int) -> Sequence[Account]:
        """Return all accounts of a user."""
        return self._accounts_of[user]

    def user_grants(self, user: int) -> list[Grant]:
        """Return the grants of a user that may have something left."""
        return list(self.grants.get(user, {}).values())

    def user_holds(self, user: int) -> list[Hold]:
        """Return the loaded holds of a user, open or not."""
        return [self.holds[hold] for hold in sorted(self._holds_of.get(user, ()))]

    def check_balance_sizes(self, transfers: Sequence[Transfer]) -> None:
        """Raise `AmountTooLarge` if a balance would exceed 12 digits before the point, even in between."""
        reached: dict[str, Decimal] = {}
        for debit, credit, _, amount in transfers:
            for code, is_credit in ((debit, False), (credit, True)):
                account = self.accounts.get(code)
                if account is None:
                    continue
                balance = reached.get(code, account.balance)
                balance += amount if account.credit_normal is is_credit else -amount
                if balance > AMOUNT_MAX:
                    raise AmountTooLarge(f"the balance of {code} would be too large", account=code)
                reached[code] = balance

    def apply(self, decision: Decision) -> list[Account]:
        """Evolve by a decision; return the accounts that it touched, each once, in order of first touch.

        Raises `BrokenInvariant` if a balance would fall below zero, or below what is held on the account:
        the decision should never have been made.
        """
        touched: dict[str, Account] = {}
        for code, amount in decision.held.items():
            account = self.accounts[code]
            account.held += amount
            touched[code] = account
        for code, limit in decision.credit_limits.items():
            account = self.accounts[code]
            account.credit_limit = limit
            touched[code] = account
        for transfer in decision.transfers:
            self._post(transfer, touched)
        for account in touched.values():
            if not ZERO <= account.held <= account.balance:
                raise BrokenInvariant(f"{account.code} would hold {account.held} of {account.balance}")
        self.add(decision.states)
        return list(touched.values())

    def _post(self, transfer: Transfer, touched: dict[str, Account]) -> None:
        debit, credit, currency, amount = transfer
        if amount <= ZERO:
            raise BrokenInvariant(f"a transfer of {amount} {currency} from {debit} to {credit}")
        for code, is_credit in ((debit, False), (credit, True)):
            account = self.accounts.get(code)
            if account is None:
                if is_user_account(code) or is_escrow(code):
                    raise BrokenInvariant(f"{code} is not locked")
                continue  # the balances of the platform's accounts are not stored
            account.balance += amount if account.credit_normal is is_credit else -amount
            account.version += 1
            touched[code] = account
