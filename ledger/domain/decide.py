"""Every command of the ledger, decided in two steps.

`plan` needs no lock: it prices the command from what it refers to and says whose accounts must be
locked. `decide` looks at the locked accounts and says what happens. Both are pure.
"""

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias, assert_never

from ledger.domain.adjustments import Adjust, settle_adjustment
from ledger.domain.book import Account, Book
from ledger.domain.chart import Transfer
from ledger.domain.errors import Rejected
from ledger.domain.money import text
from ledger.domain.operations import RecordOperation
from ledger.domain.pricing import Priced, price
from ledger.domain.references import References
from ledger.domain.settlement import settle

Command: TypeAlias = RecordOperation | Adjust
Plan: TypeAlias = Priced | Adjust


def plan(command: Command, references: References) -> Plan:
    """What the command comes to. Raises `Undecided`, or `Rejected` for what no balance could change."""
    references.require_user(command.operation_user, field="operation_user")
    match command:
        case RecordOperation():
            machine = None
            if command.machine is not None:
                machine = references.machine(command.machine, command.occurred_at)
            return price(command, machine, references.tariff(command.occurred_at))
        case Adjust():
            return command
        case _:
            assert_never(command)


def decide(plan: Plan, book: Book, sent: Mapping[str, Any]) -> tuple[dict[str, Any], list[Account]]:
    """Post the plan to the book: the data of its event, and the accounts that it touched.

    Raises `Rejected`, with the book unchanged, where the money is not there. `sent` is the command as
    it was sent.
    """
    facts: dict[str, Any] = {}
    match plan:
        case Priced():
            transfers = settle(plan, book)
            payer = plan.payer
            if plan.machine_owner is not None:
                facts["machine_owner"] = plan.machine_owner
            facts["pricing"] = plan.pricing
        case Adjust():
            transfers = settle_adjustment(plan, book)
            payer = plan.user
        case _:
            assert_never(plan)
    touched = book.post(transfers)
    data = {
        "kind": plan.kind.value,
        "command": sent,
        "payer": payer,
        **facts,
        "transfers": _transfers(transfers),
        "accounts": _accounts(plan.users, book),
    }
    return data, touched


def rejection(
    error: Rejected,
    sent: Mapping[str, Any],
    payer: int,
    users: Iterable[int],
    book: Book,
) -> dict[str, Any]:
    """The data of the event of a command that was decided against; the book is unchanged."""
    return {
        "kind": sent["type"],
        "command": sent,
        "payer": payer,
        "rejection": {"code": error.code, "message": error.message, **error.details},
        "transfers": [],
        "accounts": _accounts(users, book),
    }


def _transfers(transfers: Iterable[Transfer]) -> list[dict[str, str]]:
    return [
        {"debit": debit, "credit": credit, "currency": currency, "amount": text(amount)}
        for debit, credit, currency, amount in transfers
    ]


def _accounts(users: Iterable[int], book: Book) -> dict[str, dict[str, Any]]:
    return {
        account.code: {
            "balance": text(account.balance),
            "held": text(account.held),
            "version": account.version,
        }
        for user in users
        for account in book.user_accounts(user)
        if account.version
    }
