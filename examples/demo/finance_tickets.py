"""Plans the tickets of finance: payouts, a chargeback, contracts, adjustments, a tariff and a period."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from examples.catalogue import Consulting
from examples.demo import accounts
from examples.demo.expectation import World
from examples.demo.tickets import Tickets

_REASON: Final = {"reason_code": "month-end", "reason": "as agreed at the meeting"}
_TERMS: Final[dict[str, Any]] = {
    "training_cell_eaml": "0.00001100",
    "training_counts_epochs": False,
    "solving_line_eaml": str(accounts.SOLVING_LINE),
    "solving_with_api_line_eaml": str(accounts.SOLVING_WITH_API_LINE),
    "commission_rate": str(accounts.COMMISSION),
    "commission_rates": {"machine_copy": "0.15"},
    "eaml_per_usd": str(accounts.EAML_PER_USD),
    "credit_limit_eaml": str(accounts.CREDIT_LIMIT),
    "when_short": {"training": "due", "solving": "due", "solving_with_api": "due"},
    "bands": {"solving": [{"above": 100_000, "unit_price": "0.00008000"}]},
}


class FinancePlanner:
    """Creates tickets, and adds their results to the expected accounts and events."""

    def __init__(self, world: World, tickets: Tickets) -> None:
        self._world = world
        self._accounts = world.expected.accounts
        self._events = world.expected.other_events
        self._add = tickets.add

    def plan(self) -> None:
        """Create tickets of each kind."""
        prepaid, penniless = self._world.prepaid, self._world.penniless
        self._payouts(prepaid[7])
        self._chargeback(penniless[2])
        self._contracts()
        self._four_eyes(prepaid[8])
        self._tariff()
        self._last_month()

    def _payouts(self, user: int) -> None:
        """Request two payouts: one is paid, and one fails, so that its money is available again."""
        self._pay_in(user, Decimal(60), "payouts")
        paid, failed = self._payout(user, "45.00"), self._payout(user, "15.00")
        self._add(f"/v1/payouts/{paid}/paid", {"payment_reference": f"po_{user}"})
        self._events["payout.paid", "payout"] += 1
        self._accounts.top_up(user, Decimal(-45))
        self._add(f"/v1/payouts/{failed}/failed", {"reason": "the bank does not know the account"})
        self._events["payout.failed", "payout"] += 1

    def _payout(self, user: int, amount: str) -> str:
        payout = str(UUID(int=self._world.random.getrandbits(128), version=4))
        self._add("/v1/payouts", {"payout": payout, "operation_user": user, "amount": amount})
        self._events["payout.requested", "payout"] += 1
        return payout

    def _chargeback(self, user: int) -> None:
        """Take 20.00 back, of which 12.00 are spent: the user owes these afterwards."""
        reference = self._pay_in(user, Decimal(20), "chargeback")
        body = {"type": "pay_a_bill", "operation_user": user, "amount": "12.00"}
        self._add("/v1/operations", body)
        self._events["operation.recorded", "pay_a_bill"] += 1
        self._accounts.pay_a_bill(user, Decimal(12))
        self._add("/v1/chargebacks", {"payment_reference": reference, "reason": "stolen card"})
        self._events["operation.reversed", "chargeback"] += 1
        self._accounts.top_up(user, Decimal(-20))

    def _contracts(self) -> None:
        """Finish one contract, split one in half, and cancel one."""
        finished, split, cancelled = self._world.catalogue.consulting
        self._sign(finished)
        self._add(f"/v1/consulting/{finished.id}/finish", {})
        self._events["operation.recorded", "consulting_payment"] += 1
        self._accounts.sell(finished.client, finished.consultant, Decimal(finished.amount_usd))
        self._sign(split)
        half = Decimal(split.amount_usd) / 2
        self._add(f"/v1/consulting/{split.id}/split", {"amount": str(half)})
        self._events["operation.recorded", "consulting_payment"] += 1
        self._accounts.sell(split.client, split.consultant, half)
        self._sign(cancelled)
        self._add(f"/v1/consulting/{cancelled.id}/cancel", {})
        self._events["operation.recorded", "consulting_return"] += 1

    def _sign(self, request: Consulting) -> None:
        self._pay_in(request.client, Decimal(request.amount_usd), "consulting")
        self._add(f"/v1/consulting/{request.id}/contract", {})
        self._events["operation.recorded", "consulting_contract"] += 1

    def _four_eyes(self, user: int) -> None:
        """Propose two adjustments that need a second person: one is approved, and one is declined."""
        body = {
            "operation_user": user,
            "account": "usd",
            "direction": "up",
            "amount": "1250.00",
            **_REASON,
        }
        path = "/v1/adjustments/proposals/{operation}"
        self._approve(self._propose("/v1/adjustments", body, "adjustment"), path)
        self._events["operation.recorded", "adjustment"] += 1
        self._accounts.adjust(user, Decimal(1250))
        declined = self._propose("/v1/adjustments", {**body, "amount": "9999.00"}, "adjustment")
        self._add(f"{path}/decline", {"reason": "once is enough"}, about=declined, second=True)
        self._events["proposal.declined", "adjustment"] += 1

    def _tariff(self) -> None:
        """Publish a tariff for next month, which changes no price today."""
        effective_from = (datetime.now(UTC) + timedelta(days=31)).isoformat(timespec="seconds")
        body = {"effective_from": effective_from, "terms": _TERMS, **_REASON}
        self._approve(self._propose("/v1/tariffs", body, "tariff"), "/v1/tariffs/proposals/{operation}")
        self._events["tariff.published", "tariff"] += 1

    def _last_month(self) -> None:
        """Close, reopen and close last month, so that late operations count for this month."""
        month = f"{datetime.now(UTC).replace(day=1) - timedelta(days=1):%Y-%m}"
        for action, event in (("close", "closed"), ("reopen", "reopened"), ("close", "closed")):
            proposal = self._propose(f"/v1/periods/{month}/{action}", dict(_REASON), "period")
            self._approve(proposal, "/v1/periods/proposals/{operation}")
            self._events[f"period.{event}", "period"] += 1

    def _propose(self, path: str, body: dict[str, Any], kind: str) -> str:
        self._events["proposal.made", kind] += 1
        return self._add(path, body)

    def _approve(self, ticket: str, path: str) -> None:
        self._add(f"{path}/approve", {}, about=ticket, second=True)

    def _pay_in(self, user: int, amount: Decimal, what: str) -> str:
        kind, reference = "credit_from_user", f"{what}_{user}"
        body = {"type": kind, "operation_user": user, "amount": str(amount), "payment_reference": reference}
        self._add("/v1/operations", body)
        self._events["operation.recorded", kind] += 1
        self._accounts.top_up(user, amount)
        return reference
