"""Balances of the platform's accounts, which posting neither locks nor stores."""

from collections import defaultdict
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, ClassVar

from events.message import StoredEvent
from ledger.domain.chart import PLATFORM_ACCOUNTS
from ledger.domain.money import ZERO, text
from projections.projection import Table

_ACCOUNTS = {account.code: account for account in PLATFORM_ACCOUNTS}


class PlatformBalances:
    """Has one row per account of the platform that has entries."""

    name: ClassVar[str] = "platform"
    tables: ClassVar[Sequence[Table]] = (
        Table(
            name="projections_platform_balance",
            key=("code",),
            columns=("currency", "debits", "credits", "balance"),
        ),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Add the debits and credits of the events."""
        sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO])
        for event in events:
            for transfer in event.data.get("transfers", ()):
                for place, code in enumerate((transfer["debit"], transfer["credit"])):
                    if code in _ACCOUNTS:
                        sums[code][place] += Decimal(transfer["amount"])
        if not sums:
            return
        codes = sorted(sums)
        cursor.execute(
            """insert into projections_platform_balance as b (code, currency, debits, credits, balance)
               select * from unnest(%s::text[], %s::text[], %s::numeric[], %s::numeric[], %s::numeric[])
               on conflict (code) do update
               set debits = b.debits + excluded.debits,
                   credits = b.credits + excluded.credits,
                   balance = b.balance + excluded.balance""",
            [
                codes,
                [_ACCOUNTS[code].currency for code in codes],
                [text(sums[code][0]) for code in codes],
                [text(sums[code][1]) for code in codes],
                [text(_on_normal_side(code, *sums[code])) for code in codes],
            ],
        )


def _on_normal_side(code: str, debits: Decimal, credits_: Decimal) -> Decimal:
    return credits_ - debits if _ACCOUNTS[code].normal_side == "C" else debits - credits_
