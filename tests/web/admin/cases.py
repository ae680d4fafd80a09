"""Input and expected results for each command page of the administration."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import uuid4

from django.utils import timezone

from ledger.models import (
    Account,
    ConsultingContract,
    CouponCode,
    CouponGrant,
    HeldFunds,
    ProposedChange,
    RequestedPayout,
)
from models import User
from models.billing import Operation
from tests.months import LAST, THIS

Fields = dict[str, Any]


@dataclass(frozen=True)
class Given:
    """The targets of the commands: a user with money, a machine, holds, an operation, proposals and more."""

    user: User
    machine: int
    hold: str
    voided: str
    operation: str
    code: str
    proposal: str
    declined: str
    payment: str
    payout: str
    failed: str
    closed: str
    asked: int
    contract: int
    ended: int
    team: int


@dataclass(frozen=True)
class Case:
    """Valid fields, a change that makes them fail with `code`, text of the preview, a check of the result."""

    fields: Callable[[Given], Fields]
    refused: Callable[[Given], Fields]
    code: str
    shown: str
    done: Callable[[Given], Any]


def later(**ahead: float) -> str:
    return f"{timezone.now() + timedelta(**ahead):%Y-%m-%dT%H:%M}"


CASES: Final[Mapping[str, Case]] = {
    "place-hold": Case(
        lambda given: {
            "operation_user": (given.user.email or "").upper(),
            "kind": "solving",
            "machine": given.machine,
            "count_of_lines": 20_000,
            "expires_at": later(hours=2),
        },
        lambda _: {"expires_at": later(hours=-2)},
        "expiry_passed",
        "97.00000000 EAML",
        lambda given: HeldFunds.objects.filter(user_id=given.user.pk, state="open").count() == 2,
    ),
    "capture-hold": Case(
        lambda given: {"hold": given.hold, "count_of_lines": 4000, "final": "on"},
        lambda _: {"hold": uuid4()},
        "undecided",
        "0.40000000 EAML",
        lambda given: HeldFunds.objects.get(pk=given.hold).state == "captured",
    ),
    "void-hold": Case(
        lambda given: {"hold": given.hold, "reason": "the server was lost"},
        lambda given: {"hold": given.voided},
        "hold_resolved",
        "100.00000000 EAML",
        lambda given: HeldFunds.objects.get(pk=given.hold).state == "voided",
    ),
    "grant-coupon": Case(
        lambda given: {
            "operation_user": given.user.pk,
            "amount": "7.5",
            "priority": 10,
            "expires_at": later(days=9),
            "reason": "a slow week",
        },
        lambda _: {"expires_at": later(days=-1)},
        "expiry_passed",
        "7.50000000 USD",
        lambda given: CouponGrant.objects.get(user_id=given.user.pk).kept["priority"] == 10,
    ),
    "offer-code": Case(
        lambda _: {"code": "SUMMER", "amount": "2", "priority": 100, "redemptions_max": 5},
        lambda _: {"code": "SPRING"},
        "code_exists",
        "No money moves.",
        lambda _: CouponCode.objects.get(pk="SUMMER").redemptions_max == 5,
    ),
    "redeem-code": Case(
        lambda given: {"operation_user": given.user.pk, "code": given.code},
        lambda _: {"code": "WINTER"},
        "code_unknown",
        "3.00000000 USD",
        lambda given: CouponGrant.objects.get(user_id=given.user.pk).code == "SPRING",
    ),
    "withdraw-code": Case(
        lambda given: {"code": given.code},
        lambda _: {"code": "WINTER"},
        "code_unknown",
        "No money moves.",
        lambda given: CouponCode.objects.get(pk=given.code).withdrawn_at is not None,
    ),
    "reverse-operation": Case(
        lambda given: {"operation": given.operation, "amount": "2", "reason": "a mistake"},
        lambda _: {"amount": "5.00000001"},
        "nothing_left_to_reverse",
        "1.60000000 USD",
        lambda given: Operation.objects.filter(kind="reversal", operation_user=given.user).count() == 1,
    ),
    "charge-back": Case(
        lambda given: {
            "operation": given.payment,
            "payment_provider": "default",
            "amount": "12",
            "reason": "disputed",
        },
        lambda given: {"operation": given.operation},
        "not_reversible",
        "83.00000000 USD",
        lambda given: Operation.objects.filter(kind="chargeback", operation_user=given.user).count() == 1,
    ),
    "set-credit-limit": Case(
        lambda given: {"user": given.user.pk, "limit": "12.5"},
        lambda _: {"user": 10**9},
        "undecided",
        "No money moves.",
        lambda given: (
            str(Account.objects.get(code=f"user:{given.user.pk}:due:eaml").credit_limit) == "12.50000000"
        ),
    ),
    "adjust": Case(
        lambda given: {
            "operation_user": given.user.pk,
            "account": "usd",
            "direction": "down",
            "amount": "2.5",
            "reason_code": "correction",
            "reason": "charged twice",
            "evidence": "https://example.com/tickets/7",
        },
        lambda _: {"amount": "5000"},
        "insufficient_funds",
        "92.50000000 USD",
        lambda given: str(User.objects.get(pk=given.user.pk).user_balance) == "92.50000000",
    ),
    "approve": Case(
        lambda given: {"proposal": given.proposal},
        lambda given: {"proposal": given.declined},
        "proposal_resolved",
        "2000.00000000 USD",
        lambda given: str(User.objects.get(pk=given.user.pk).user_balance) == "2095.00000000",
    ),
    "decline": Case(
        lambda given: {"proposal": given.proposal, "reason": "too much"},
        lambda _: {"proposal": uuid4()},
        "proposal_unknown",
        "too much",
        lambda given: ProposedChange.objects.get(pk=given.proposal).state == "declined",
    ),
    "request-payout": Case(
        lambda given: {"operation_user": given.user.pk, "amount": "10"},
        lambda _: {"amount": "1000"},
        "insufficient_funds",
        "82.50000000 USD",
        lambda given: RequestedPayout.objects.filter(user_id=given.user.pk, state="requested").count() == 2,
    ),
    "confirm-payout": Case(
        lambda given: {
            "payout": given.payout,
            "payment_provider": "stripe",
            "payment_reference": "po_77",
        },
        lambda given: {"payout": given.failed},
        "payout_resolved",
        "92.50000000 USD",
        lambda given: RequestedPayout.objects.get(pk=given.payout).state == "paid",
    ),
    "fail-payout": Case(
        lambda given: {"payout": given.payout, "reason": "the bank said no"},
        lambda given: {"payout": given.failed},
        "payout_resolved",
        "95.00000000 USD",
        lambda given: RequestedPayout.objects.get(pk=given.payout).state == "failed",
    ),
    "sign-contract": Case(
        lambda given: {"contract": given.asked},
        lambda given: {"contract": given.ended},
        "contract_not_offered",
        "10.00000000 USD",
        lambda given: ConsultingContract.objects.get(pk=given.asked).state == "signed",
    ),
    "finish-contract": Case(
        lambda given: {"contract": given.contract},
        lambda given: {"contract": given.ended},
        "contract_ended",
        "8.00000000 USD",
        lambda given: ConsultingContract.objects.get(pk=given.contract).state == "finished",
    ),
    "split-contract": Case(
        lambda given: {"contract": given.contract, "amount": "4"},
        lambda given: {"contract": given.ended},
        "contract_ended",
        "26.00000000 USD",
        lambda given: ConsultingContract.objects.get(pk=given.contract).state == "split",
    ),
    "cancel-contract": Case(
        lambda given: {"contract": given.contract},
        lambda given: {"contract": given.ended},
        "contract_ended",
        "30.00000000 USD",
        lambda given: ConsultingContract.objects.get(pk=given.contract).state == "cancelled",
    ),
    "close-period": Case(
        lambda _: {"period": str(LAST), "reason_code": "month-end", "reason": "reported"},
        lambda _: {"period": str(THIS)},
        "period_not_over",
        f"{LAST}",
        lambda _: ProposedChange.objects.latest("pk").kept["body"]["action"] == "close",
    ),
    "publish-tariff": Case(
        lambda _: {
            "training_cell_eaml": "0.00002",
            "training_counts_epochs": "yes",
            "solving_line_eaml": "0.0001",
            "solving_with_api_line_eaml": "0.00012",
            "commission_rate": "0.25",
            "eaml_per_usd": "90",
            "credit_limit_eaml": "500",
            "when_short_training": "due",
            "bands_solving": "1000 0.00009\n\n 5000  0.00008",
            "commission_rates_machine_copy": "0.1",
            "reason_code": "new-prices",
            "reason": "decided in spring",
        },
        lambda _: {"effective_from": later(days=-1)},
        "effective_in_the_past",
        "1000 0.00009, 5000 0.00008",
        lambda _: (
            ProposedChange.objects.latest("pk").kept["body"]["terms"]
            == {
                "training_cell_eaml": "0.00002000",
                "training_counts_epochs": True,
                "solving_line_eaml": "0.00010000",
                "solving_with_api_line_eaml": "0.00012000",
                "commission_rate": "0.25000000",
                "eaml_per_usd": "90.00000000",
                "credit_limit_eaml": "500.00000000",
                "when_short": {"training": "due"},
                "commission_rates": {"machine_copy": "0.10000000"},
                "bands": {
                    "solving": [
                        {"above": 1000, "unit_price": "0.00009000"},
                        {"above": 5000, "unit_price": "0.00008000"},
                    ],
                },
            }
        ),
    ),
    "override-tariff": Case(
        lambda given: {
            "user": given.user.email,
            "commission_rate": "0.05",
            "reason_code": "agreement",
            "reason": "a good customer",
        },
        lambda _: {"effective_from": later(days=-1)},
        "effective_in_the_past",
        "0.05",
        lambda given: (
            ProposedChange.objects.latest("pk").kept["body"]
            == {
                "effective_from": None,
                "user": given.user.pk,
                "team": None,
                "terms": {"commission_rate": "0.05000000"},
            }
        ),
    ),
    "reopen-period": Case(
        lambda given: {"period": given.closed, "reason_code": "correction", "reason": "one is missing"},
        lambda _: {"period": str(THIS)},
        "period_open",
        f"{LAST}",
        lambda _: ProposedChange.objects.latest("pk").kept["body"]["action"] == "reopen",
    ),
}
