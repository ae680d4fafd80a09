"""The locked accounts of a batch: what may be spent, and how transfers change it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from ledger.domain.chart import USER_ACCOUNTS, Transfer, user_account
from ledger.domain.errors import AmountTooLarge
from ledger.domain.money import AMOUNT_MAX, ZERO


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

    @property
    def available(self) -> Decimal:
        """What may be spent: balance − held."""
        return self.balance - self.held


class BrokenInvariant(Exception):
    """The books would be wrong. Never caught: the transaction has to fail."""


class Book:
    """The accounts of every user that a batch locked, by code, evolving operation by operation."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self.accounts = {account.code: account for account in accounts}

    @classmethod
    def empty(cls, users: Iterable[int]) -> "Book":
        """A book of users who never had a transfer."""
        return cls(
            Account(user_account(user, account.name), user, account.normal_side == "C")
            for user in users
            for account in USER_ACCOUNTS
        )

    def knows(self, user: int) -> bool:
        """Whether the user's accounts are locked in this book."""
        return f"user:{user}:usd" in self.accounts

    def available(self, user: int, name: str) -> Decimal:
        """What is available on a user's account: balance − held."""
        return self.accounts[user_account(user, name)].available

    def balance(self, user: int, name: str) -> Decimal:
        """The balance of a user's account."""
        return self.accounts[user_account(user, name)].balance

    def user_accounts(self, user: int) -> list[Account]:
        """All accounts of a user."""
        return [self.accounts[user_account(user, account.name)] for account in USER_ACCOUNTS]

    def check_room(self, transfers: Sequence[Transfer]) -> None:
        """Raises `AmountTooLarge` if a balance would leave the 12 digits before the point on its way."""
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

    def post(self, transfers: Sequence[Transfer]) -> list[Account]:
        """Apply the transfers; the user accounts they touched, each once, in order of first touch.

        Raises `BrokenInvariant` where a balance would fall below what is held on the account:
        the decision should never have been made.
        """
        touched: dict[str, Account] = {}
        for debit, credit, currency, amount in transfers:
            if amount <= ZERO:
                raise BrokenInvariant(f"a transfer of {amount} {currency} from {debit} to {credit}")
            for code, is_credit in ((debit, False), (credit, True)):
                account = self.accounts.get(code)
                if account is None:
                    if code.startswith("user:"):
                        raise BrokenInvariant(f"{code} is not locked")
                    continue  # the platform's accounts hold no balance
                account.balance += amount if account.credit_normal is is_credit else -amount
                account.version += 1
                touched[code] = account
        for account in touched.values():
            if account.balance < account.held:
                raise BrokenInvariant(f"{account.code} would hold {account.held} of {account.balance}")
        return list(touched.values())
