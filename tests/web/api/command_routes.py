"""Every command route but those of operations, with a command for it, and a world where all can be sent."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from typing import Any
from uuid import uuid4

from django.utils import timezone

from ledger.domain.tariff import DEFAULT_TERMS
from models import ConsultingRequest, Machine, User
from tests import commands as do
from tests import months
from tests.builders import fund, machine_copy, make_machine, make_user, recorded, top_up
from tests.web.api.conftest import Api, Response, approver, service

# A line costs 0.0001 tokens: ten thousand lines are one.
TOKEN = 10_000

_keys = count(1)


@dataclass(slots=True)
class World:
    """A user with 100 USD and 100 EAML, a machine of another user, and one of each resource of the routes."""

    user: User
    machine: Machine
    api: Api
    hold: str
    sale: str
    payout: str
    payment: str
    contract: int
    """A consulting request that is signed. The one with the next id waits for its consultant."""
    proposal: str
    closing: str
    """The proposal to close a month."""
    other: Api
    """A person who approves, with a key of their own."""


def make_world() -> World:
    """Make a world in which the command of every route succeeds."""
    user = fund(make_user(), usd=100, eaml=100)
    machine = make_machine(make_user(), copy="5")
    api, other = service("ledger:read", "ledger:write", "ledger:admin"), approver()
    hold = str(uuid4())
    recorded(do.place(machine, user=user, lines=10 * TOKEN, hold=hold))
    payout = str(uuid4())
    recorded(do.request_payout(user, 9, payout=payout))
    requests = [ConsultingRequest.objects.create(user=user, category="4") for _ in range(2)]
    for request in requests:
        request.ask_consultant(machine.machine_owner_user, amount_usd=5, delay_days=1)
    contract = requests[0].pk
    recorded(do.sign(contract))
    payment = recorded(top_up(user, 5, reference="pi_1")).id
    sale = recorded(machine_copy(machine, user=user)).id
    recorded(do.create_code("WELCOME", 2))
    closing = recorded(do.change_period("close", months.LAST)).id
    made = World(user, machine, api, hold, sale, payout, payment, contract, "", closing, other)
    made.proposal = send(made, "/v1/adjustments", adjustment(made, amount="2000")).json()["proposal"]
    return made


def send(world: World, path: str, body: Any, *, key: str | None = None, api: Api | None = None) -> Response:
    """Send a command under a key, a new one unless it is given."""
    raw = b"" if body is None else body
    return (api or world.api).post(path, raw, headers={"Idempotency-Key": key or f"command-{next(_keys)}"})


def place(world: World, **change: Any) -> dict[str, Any]:
    return {
        "hold": str(uuid4()),
        "operation_user": world.user.pk,
        "kind": "solving",
        "machine": world.machine.pk,
        "count_of_lines": 5 * TOKEN,
        "expires_at": (timezone.now() + timedelta(hours=1)).isoformat(),
        **change,
    }


def adjustment(world: World, **change: Any) -> dict[str, Any]:
    return {
        "operation_user": world.user.pk,
        "account": "usd",
        "direction": "up",
        "amount": "3",
        "reason_code": "goodwill",
        "reason": "sorry",
        **change,
    }


@dataclass(frozen=True, slots=True)
class CommandRoute:
    """A route, a command that it accepts, and a field with another value, which makes a conflict."""

    name: str
    scope: str
    path: Callable[[World], str]
    body: Callable[[World], Any]
    conflict: tuple[str, Any] | None = None
    location: Callable[[World, Mapping[str, Any]], str] | None = None
    """The `Location` of the answer."""
    status: int = 201
    by_other: bool = False
    """True if a second person sends the command."""


def hold_path(end: str) -> Callable[[World], str]:
    return lambda world: f"/v1/holds/{world.hold}{end}"


def hold_location(world: World, _: Mapping[str, Any]) -> str:
    return f"/v1/holds/{world.hold}"


def payout_path(end: str) -> Callable[[World], str]:
    return lambda world: f"/v1/payouts/{world.payout}{end}"


def payout_location(world: World, _: Mapping[str, Any]) -> str:
    return f"/v1/payouts/{world.payout}"


def contract_location(world: World, _: Mapping[str, Any]) -> str:
    return f"/v1/consulting/{world.contract}"


def operation_location(_: World, answer: Mapping[str, Any]) -> str:
    return f"/v1/operations/{answer['id']}"


COMMAND_ROUTES = [
    CommandRoute(
        "place a hold",
        "ledger:write",
        lambda _: "/v1/holds",
        place,
        ("count_of_lines", 7),
        lambda _, answer: f"/v1/holds/{answer['hold']}",
    ),
    CommandRoute(
        "capture a hold",
        "ledger:write",
        hold_path("/capture"),
        lambda _: {"count_of_lines": TOKEN, "final": False},
        ("count_of_lines", 7),
        hold_location,
    ),
    CommandRoute(
        "void a hold",
        "ledger:write",
        hold_path("/void"),
        lambda _: {"reason": "the server was lost"},
        ("reason", "another"),
        hold_location,
    ),
    CommandRoute(
        "request a payout",
        "ledger:write",
        lambda _: "/v1/payouts",
        lambda world: {"payout": str(uuid4()), "operation_user": world.user.pk, "amount": "8"},
        ("amount", "7"),
        lambda _, answer: f"/v1/payouts/{answer['payout']}",
    ),
    CommandRoute(
        "say that a payout was paid",
        "ledger:write",
        payout_path("/paid"),
        lambda _: {"payment_reference": "po_1", "payment_provider": "stripe"},
        ("payment_reference", "po_2"),
        payout_location,
    ),
    CommandRoute(
        "say that a payout has failed",
        "ledger:write",
        payout_path("/failed"),
        lambda _: {"reason": "the bank does not know the account"},
        ("reason", "another"),
        payout_location,
    ),
    CommandRoute(
        "sign a contract",
        "ledger:write",
        lambda world: f"/v1/consulting/{world.contract + 1}/contract",
        lambda _: None,
        None,
        lambda world, _: f"/v1/consulting/{world.contract + 1}",
    ),
    CommandRoute(
        "finish a contract",
        "ledger:write",
        lambda world: f"/v1/consulting/{world.contract}/finish",
        lambda _: None,
        None,
        contract_location,
    ),
    CommandRoute(
        "split a contract",
        "ledger:write",
        lambda world: f"/v1/consulting/{world.contract}/split",
        lambda _: {"amount": "2"},
        ("amount", "3"),
        contract_location,
    ),
    CommandRoute(
        "cancel a contract",
        "ledger:write",
        lambda world: f"/v1/consulting/{world.contract}/cancel",
        lambda _: None,
        None,
        contract_location,
    ),
    CommandRoute(
        "charge back",
        "ledger:write",
        lambda _: "/v1/chargebacks",
        lambda world: {"operation": world.payment, "amount": "2", "reason": "the card was stolen"},
        ("amount", "1"),
        operation_location,
    ),
    CommandRoute(
        "reverse",
        "ledger:write",
        lambda world: f"/v1/operations/{world.sale}/reversals",
        lambda _: {"amount": "2", "reason": "it did not work"},
        ("amount", "1"),
        operation_location,
    ),
    CommandRoute(
        "give a coupon",
        "ledger:admin",
        lambda _: "/v1/coupons",
        lambda world: {"operation_user": world.user.pk, "amount": "3", "reason": "welcome"},
        ("priority", 7),
        operation_location,
    ),
    CommandRoute(
        "offer a code",
        "ledger:admin",
        lambda _: "/v1/coupons/codes",
        lambda _: {"code": "SPRING-26", "amount": "3", "redemptions_max": 100},
        ("amount", "4"),
    ),
    CommandRoute(
        "withdraw a code",
        "ledger:admin",
        lambda _: "/v1/coupons/codes/WELCOME/withdraw",
        lambda _: None,
    ),
    CommandRoute(
        "redeem a code",
        "ledger:write",
        lambda _: "/v1/coupons/redemptions",
        lambda world: {"operation_user": world.user.pk, "code": "WELCOME"},
        ("code", "OTHER"),
        operation_location,
    ),
    CommandRoute(
        "set a credit limit",
        "ledger:admin",
        lambda world: f"/v1/users/{world.user.pk}/credit-limit",
        lambda _: {"limit": "5"},
        ("limit", None),
    ),
    CommandRoute(
        "adjust", "ledger:admin", lambda _: "/v1/adjustments", adjustment, ("amount", "4"), operation_location
    ),
    CommandRoute(
        "propose a tariff",
        "ledger:admin",
        lambda _: "/v1/tariffs",
        lambda _: {"terms": dict(DEFAULT_TERMS), "reason_code": "prices", "reason": "dearer servers"},
        ("reason_code", "other"),
        status=202,
    ),
    CommandRoute(
        "propose an override",
        "ledger:admin",
        lambda _: "/v1/tariffs/overrides",
        lambda world: {
            "user": world.user.pk,
            "terms": {"commission_rate": "0.1"},
            "reason_code": "contract",
            "reason": "signed",
        },
        ("terms", {}),
        status=202,
    ),
    CommandRoute(
        "approve",
        "ledger:approve",
        lambda world: f"/v1/adjustments/proposals/{world.proposal}/approve",
        lambda _: None,
        None,
        operation_location,
        by_other=True,
    ),
    CommandRoute(
        "decline",
        "ledger:admin",
        lambda world: f"/v1/adjustments/proposals/{world.proposal}/decline",
        lambda _: {"reason": "no"},
        ("reason", "yes"),
        by_other=True,
    ),
    CommandRoute(
        "propose to close a period",
        "ledger:admin",
        lambda _: f"/v1/periods/{months.LAST}/close",
        lambda _: {"reason_code": "month_end", "reason": "all bills are in"},
        ("reason_code", "another"),
        status=202,
    ),
    CommandRoute(
        "close a period",
        "ledger:approve",
        lambda world: f"/v1/periods/proposals/{world.closing}/approve",
        lambda _: None,
        by_other=True,
    ),
    CommandRoute(
        "leave a period open",
        "ledger:admin",
        lambda world: f"/v1/periods/proposals/{world.closing}/decline",
        lambda _: {"reason": "not yet"},
        ("reason", "never"),
        by_other=True,
    ),
]
