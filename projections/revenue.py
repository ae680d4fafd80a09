"""The platform's earnings per day, kind of operation and currency."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date
from decimal import Decimal
from typing import Any, ClassVar

from events.message import StoredEvent
from ledger.domain.chart import PLATFORM_ACCOUNTS
from ledger.domain.money import ZERO, text
from projections.projection import Table

_EARNING = {
    account.code
    for account in PLATFORM_ACCOUNTS
    if account.kind in {"platform:revenue", "platform:commission"}
}


class Revenue:
    """Credits less debits of the revenue accounts, on the day (UTC) on which the operation occurred."""

    name: ClassVar[str] = "revenue"
    tables: ClassVar[Sequence[Table]] = (
        Table(name="projections_revenue", key=("day", "kind", "currency"), columns=("amount", "operations")),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Add the earnings of the events."""
        amounts: defaultdict[tuple[date, str, str], Decimal] = defaultdict(lambda: ZERO)
        operations: defaultdict[tuple[date, str, str], int] = defaultdict(int)
        for event in events:
            earned: dict[str, Decimal] = {}
            for transfer in event.data.get("transfers", ()):
                currency, amount = transfer["currency"], Decimal(transfer["amount"])
                if transfer["credit"] in _EARNING:
                    earned[currency] = earned.get(currency, ZERO) + amount
                if transfer["debit"] in _EARNING:
                    earned[currency] = earned.get(currency, ZERO) - amount
            for currency, amount in earned.items():
                place = (event.occurred_at.astimezone(UTC).date(), event.data["kind"], currency)
                amounts[place] += amount
                operations[place] += 1
        if not amounts:
            return
        places = sorted(amounts)
        cursor.execute(
            """insert into projections_revenue as r (day, kind, currency, amount, operations)
               select * from unnest(%s::date[], %s::text[], %s::text[], %s::numeric[], %s::bigint[])
               on conflict (day, kind, currency) do update
               set amount = r.amount + excluded.amount, operations = r.operations + excluded.operations""",
            [
                [day for day, _, _ in places],
                [kind for _, kind, _ in places],
                [currency for _, _, currency in places],
                [text(amounts[place]) for place in places],
                [operations[place] for place in places],
            ],
        )
