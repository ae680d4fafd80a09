"""What the events of operations say. Schema version 1 of `operation.recorded` and `operation.rejected`.

```
{"kind": "training", "command": {as sent}, "payer": 42, "machine_owner": 42 | null,
 "pricing": {"tariff": 1, "unit_price": "0.00001000", "quantity": 4000, …},
 "transfers": [{"debit": "user:42:eaml", "credit": "platform:revenue:eaml",
                "currency": "EAML", "amount": "0.04000000"}],
 "accounts": {"user:42:eaml": {"balance": "9.96000000", "held": "0.00000000", "version": 7}}}
```

`accounts` has every account of each user the operation locked, as of after it; accounts that never
had an entry are left out and mean zero. A rejection has no transfers, and says why.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ledger.domain.book import Book
from ledger.domain.chart import Transfer
from ledger.domain.decide import Priced
from ledger.domain.errors import Rejected
from ledger.domain.money import text


def recorded(
    sent: Mapping[str, Any],
    priced: Priced,
    transfers: Sequence[Transfer],
    book: Book,
) -> dict[str, Any]:
    """The data of `operation.recorded`; the book is as of after the operation."""
    return {
        "kind": priced.kind.value,
        "command": sent,
        "payer": priced.payer,
        "machine_owner": priced.machine_owner,
        "pricing": priced.pricing,
        "transfers": [
            {"debit": debit, "credit": credit, "currency": currency, "amount": text(amount)}
            for debit, credit, currency, amount in transfers
        ],
        "accounts": _accounts(priced.users, book),
    }


def rejected(
    sent: Mapping[str, Any],
    error: Rejected,
    payer: int,
    users: Iterable[int],
    book: Book,
) -> dict[str, Any]:
    """The data of `operation.rejected`; the book is unchanged by it."""
    return {
        "kind": sent["type"],
        "command": sent,
        "payer": payer,
        "rejection": {"code": error.code, "message": error.message, **error.details},
        "transfers": [],
        "accounts": _accounts(users, book),
    }


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
