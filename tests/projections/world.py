"""A small ledger with every kind of event, for tests of the whole read side."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone

from events.message import StoredEvent
from ledger.domain.adjustments import SetCreditLimit
from ledger.domain.coupons import Code
from ledger.domain.decide import Command
from ledger.domain.granting import CreateCode, GrantCoupon, RedeemCode
from ledger.domain.holding import CaptureHold, PlaceHold, VoidHold
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.reversal_commands import Reverse
from ledger.engine.posting import post
from ledger.engine.submission import Sender, Submission
from models import ConsultingRequest, Credit, Machine, Operation, User
from projections.catalog import PROJECTIONS
from projections.runner import Runner
from projections.verification import Result, verify
from tests import builders as make
from tests import commands as do
from tests import months


@dataclass(slots=True)
class World:
    """The users of the ledger, and the events that tests refer to."""

    buyer: User
    seller: User
    debtor: User
    machine: Machine
    sale: StoredEvent
    bill: StoredEvent
    training: StoredEvent
    rejection: StoredEvent
    gone: int
    """The id of a deleted user."""


def build() -> World:
    """Post every kind of operation, a rejection, holds, payouts, coupons, a reversal, a link, a closing."""
    buyer, seller, debtor, leaving = (make.make_user() for _ in range(4))
    machine = make.make_machine(seller, columns=3, api="0.01", data_source="2", copy="5", copy_update="0.3")
    post([make.top_up(user, 100) for user in (buyer, debtor, leaving)])
    bill = make.recorded(make.bill(buyer, 20))
    training = make.recorded(make.training(machine, user=buyer, lines=100_000))
    sale = make.recorded(make.machine_copy(machine, user=buyer))
    post(
        [
            make.solving(machine, user=buyer, lines=7),
            make.solving_with_api(machine, user=debtor, lines=5000),
            make.api_market(machine, user=buyer, lines=33),
            make.data_source(machine, user=buyer),
            make.copy_update(machine, user=buyer),
            make.solving(machine, user=debtor, lines=0),
            make.adjustment(debtor, "eaml", "0.1"),
        ],
    )
    rejection = make.post_one(make.bill(buyer, 10_000)).event
    assert rejection is not None
    early = make.make_user()
    make.recorded(make.top_up(early, 1, at=months.in_month(months.LAST)))
    months.close(months.LAST)
    make.recorded(make.top_up(early, 2, at=months.in_month(months.LAST)))
    _coupons(buyer, debtor)
    _holds(buyer, machine)
    _payouts()
    _consulting(seller)
    recorded(Reverse(operation=sale.id, amount=Decimal(2), occurred_at=timezone.now()))
    recorded(SetCreditLimit(user=debtor.pk, limit=Decimal(50), occurred_at=timezone.now()))
    credit = Credit.objects.create(user=buyer, amount=Decimal(3))
    operation = Operation.objects.get(pk=training.id)
    operation.credit = credit
    operation.save()
    gone = leaving.pk
    make.recorded(make.adjustment(leaving, "usd", "-100"))
    make.recorded(make.copy_update(machine, user=buyer))
    leaving.delete()
    return World(buyer, seller, debtor, machine, sale, bill, training, rejection, gone)


def recorded(command: Command, **sent: Any) -> StoredEvent:
    """Post a command without a service as its source, and return its event."""
    submission = Submission(
        sender=Sender(source=make.SOURCE, request_id=str(uuid4()), received_at=timezone.now(), actor="test"),
        command=command,
        sent={"type": str(getattr(command, "kind", type(command).__name__)), **sent},
    )
    return make.recorded(submission)


def project() -> int:
    """Advance every projection to the end of the log, and return the settled position."""
    position = settle()
    Runner(PROJECTIONS).catch_up(position)
    return position


def settle() -> int:
    """Settle the whole log: in the one transaction of a test no other event can appear."""
    with connection.cursor() as cursor:
        cursor.execute(
            """update events_settled set position = (select max(position) from events_event)
               returning position""",
        )
        position: int = cursor.fetchone()[0]
        return position


def mismatches(**options: Any) -> list[str]:
    """Return the mismatches that `verify` finds."""
    return verified(**options)[1]


def verified(**options: Any) -> tuple[Result, list[str]]:
    """Return the result and the mismatches of `verify`."""
    found: list[str] = []
    result = verify(report=lambda mismatch: found.append(str(mismatch)), **options)
    assert result.mismatches == len(found)
    return result, found


@contextmanager
def without_triggers() -> Iterator[Any]:
    """Yield a cursor for which triggers are disabled, as only an owner of the database can do."""
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        try:
            with transaction.atomic():
                yield cursor
        finally:
            cursor.execute("set session_replication_role = origin")


def corrupt(statement: str, *parameters: Any) -> None:
    """Change rows that are immutable."""
    with without_triggers() as cursor:
        cursor.execute(statement, parameters or None)
        assert cursor.rowcount != 0, "nothing was there to corrupt"


@contextmanager
def rolled_back() -> Iterator[None]:
    """Run the block in a transaction that the engine takes for one of a Django test, and roll it back."""
    atomic = transaction.atomic()
    atomic._from_testcase = True  # type: ignore[attr-defined]
    with atomic:
        yield
        transaction.set_rollback(True)


def rows(*tables: str) -> dict[str, list[tuple[Any, ...]]]:
    """Return every row of the tables as text, sorted, to compare them."""
    with connection.cursor() as cursor:
        found = {}
        for table in tables:
            cursor.execute(f"select t::text from {table} t order by 1")
            found[table] = cursor.fetchall()
        return found


def _coupons(buyer: User, debtor: User) -> None:
    now = timezone.now()
    recorded(GrantCoupon(user=buyer.pk, amount=Decimal(4), occurred_at=now))
    recorded(
        CreateCode(
            code=Code(
                code="WELCOME",
                amount=Decimal(2),
                priority=50,
                kinds=None,
                valid_days=30,
                redeem_until=None,
                redemptions_max=10,
            ),
            occurred_at=now,
        ),
    )
    recorded(RedeemCode(user=debtor.pk, code="WELCOME", occurred_at=now))
    make.recorded(do.create_code("WITHDRAWN", 1))
    make.recorded(do.withdraw_code("WITHDRAWN"))
    make.recorded(make.bill(buyer, 1))


def _consulting(consultant: User) -> None:
    client = make.fund(make.make_user(), usd=50)
    for step in ("finish", "cancel", None):
        request = ConsultingRequest.objects.create(user=client, category="4")
        request.ask_consultant(consultant, amount_usd=10, delay_days=1)
        make.recorded(do.sign(request.pk))
        if step is not None:
            make.recorded(do.end(request.pk, step))


def _payouts() -> None:
    user = make.fund(make.make_user(), usd=20)
    ids = [str(uuid4()) for _ in range(3)]
    post([do.request_payout(user, 5, payout=payout) for payout in ids])
    post([do.pay(ids[0], reference="po_1"), do.fail(ids[1])])


def _holds(user: User, machine: Machine) -> None:
    now = timezone.now()
    for command in (CaptureHold, VoidHold, None):
        hold = str(uuid4())
        estimate = RecordOperation(
            kind=Kind.SOLVING,
            operation_user=user.pk,
            machine=machine.pk,
            count_of_lines=1000,
            occurred_at=now,
        )
        recorded(PlaceHold(hold=hold, estimate=estimate, expires_at=now + timedelta(hours=1)))
        if command is CaptureHold:
            recorded(CaptureHold(hold=hold, count_of_lines=300, final=False, occurred_at=now))
            recorded(CaptureHold(hold=hold, count_of_lines=200, occurred_at=now))
        elif command is VoidHold:
            recorded(VoidHold(hold=hold, occurred_at=now))
