"""The port through which the models post: the module that the setting `LEDGER_POST` names.

`Operation.objects.create(…)`, `Credit.objects.create(…)`, the steps of consulting requests, assigning an
entry to an empty link and deleting users and machines call it, and become events like everything else.
Errors of the ledger are raised to the caller.
"""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from events import store
from events.identifiers import uuid7
from events.message import StoredEvent
from ledger.domain.adjustments import Adjustment
from ledger.domain.entries import entries
from ledger.domain.errors import ApprovalRequired, Invalid, NotFound
from ledger.domain.money import text
from ledger.domain.operations import COMPUTE, MARKET, Kind, RecordOperation
from ledger.domain.proposals import AdjustedAccount
from ledger.engine.closing_users import expire_proposals_about
from ledger.engine.posting import post
from ledger.engine.rows import entry_id
from ledger.engine.submission import Sender, Submission
from ledger.requests import accounts, consulting, four_eyes
from ledger.requests.request import submission_of

SOURCE = "/ledger/orm"
ACTOR = four_eyes.actor_of_service("orm")


def record_operation(
    *,
    kind: str,
    operation_user_id: int,
    machine_id: int | None,
    count_of_lines: int | None,
    count_of_training_epoch: int | None,
    amount: Decimal | None,
) -> UUID:
    """Post an operation of one of the nine kinds; return its id. `amount` is USD with at most 8 decimals.

    Raises `Invalid` for a missing field or one that the kind does not have, `Undecided` for a user or machine
    without a row, `Rejected` if the ledger rejects the operation, and `ApprovalRequired` if it became a
    proposal.
    """
    operation = Kind(kind)
    counted = operation in COMPUTE or operation is Kind.SOLVING_WITH_API_MARKET
    on_machine = operation in COMPUTE or operation in MARKET
    _check("machine", machine_id, wanted=on_machine)
    _check("count_of_lines", count_of_lines, wanted=counted)
    _check("amount", amount, wanted=not on_machine)
    fields = {
        "type": kind,
        "operation_user": operation_user_id,
        "machine": machine_id,
        "count_of_lines": count_of_lines,
        "count_of_training_epoch": count_of_training_epoch,
        "amount": None if amount is None else text(amount),
    }
    sender = _sender()
    command = RecordOperation(
        kind=operation,
        operation_user=operation_user_id,
        occurred_at=sender.received_at,
        machine=machine_id,
        count_of_lines=count_of_lines,
        count_of_training_epoch=count_of_training_epoch,
        amount=amount,
    )
    sent = {name: value for name, value in fields.items() if value is not None}
    return UUID(_post(Submission(sender=sender, command=command, sent=sent)).id)


def post_entry(*, user_id: int, side: str, currency: str, amount: Decimal) -> int:
    """Post a manual adjustment of a user's USD or EAML account; return the id of the user's entry.

    Side `C` adds the amount to the account, `D` takes it off. Raises `InsufficientFunds` if less than the
    amount is available, and `ApprovalRequired` if the adjustment became a proposal.
    """
    account: AdjustedAccount = "usd" if currency == "USD" else "eaml"
    adjustment = Adjustment(
        user=user_id, account=account, direction="up" if side == "C" else "down", amount=amount
    )
    sender = _sender()
    command = accounts.adjust_command(adjustment, "orm", sender, sender.received_at)
    sent = {
        "type": accounts.ADJUST.tag,
        "operation_user": user_id,
        "account": account,
        "direction": adjustment.direction,
        "amount": text(amount),
        "reason_code": "orm",
    }
    event = _post(Submission(sender=sender, command=command, sent=sent))
    lines = entries(event.data["transfers"], event.data["accounts"])
    number = next(n for n, line in enumerate(lines) if line.side == side and line.version is not None)
    return entry_id(event.position, number)


def link_entries(*, operation_id: UUID, links: dict[str, int]) -> None:
    """Fill empty links of an operation (`{"credit": entry id}`), and append the event that says so.

    Raises `NotFound` if there is no such operation.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select id from models_operation where id = %s for update", [operation_id])
        if cursor.fetchone() is None:
            raise NotFound(f"there is no operation {operation_id}", field="operation")
        event = _append(
            cursor,
            stream=f"operation:{operation_id}",
            type="operation.linked",
            data={"operation": str(operation_id), "links": links},
        )
        cursor.execute("select set_config('ledger.link_position', %s, true)", [str(event.position)])
        columns = ", ".join(f"{name}_id = %s" for name in sorted(links))
        cursor.execute(
            f"update models_operation set {columns} where id = %s",  # noqa: S608 (the four links' names)
            [*(links[name] for name in sorted(links)), operation_id],
        )


def move_contract(*, contract_id: int, step: str, amount: Decimal | None) -> None:
    """Take the next step of a consulting contract: `contract`, `finish`, `split` or `cancel`.

    The status of the consulting request changes in the same transaction. Raises `ContractUnknown`,
    `ContractNotOffered`, `ContractEnded`, or `InsufficientFunds` if the client, or the escrow for a split,
    has less than the amount.
    """
    sender = _sender()
    if step == "split" and amount is not None:
        split = consulting.Split(contract=contract_id, amount=amount)
        _post(submission_of(consulting.SPLIT_CONTRACT, split, sender))
    else:
        _post(submission_of(consulting.STEPS[step], consulting.ContractStep(contract=contract_id), sender))


def close_user(*, user_id: int) -> None:
    """Append `user.closed` before a user is deleted, and expire the open proposals about the user.

    Raises `Invalid` unless all their accounts are empty.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select code, balance, held from ledger_account where user_id = %s order by id for update",
            [user_id],
        )
        for code, balance, held in cursor.fetchall():
            if balance or held:
                raise Invalid(
                    f"user {user_id} cannot be deleted: {text(balance)} is on {code}",
                    field="user",
                    account=code,
                    balance=text(balance),
                )
        expire_proposals_about(cursor, user_id, now=timezone.now())
        _append(cursor, stream=f"user:{user_id}", type="user.closed", data={"user": user_id})


def note_deleted_machines(*, machine_ids: list[int]) -> None:
    """Append `machine.deleted` for machines whose rows are locked and will be deleted."""
    with transaction.atomic(), connection.cursor() as cursor:
        for machine in machine_ids:
            _append(cursor, stream=f"machine:{machine}", type="machine.deleted", data={"machine": machine})


def _append(cursor: Any, *, stream: str, type: str, data: Mapping[str, Any]) -> StoredEvent:  # noqa: A002
    event_id, now = uuid7(), timezone.now()
    fact = store.Fact(
        id=event_id,
        stream=stream,
        type=type,
        data=data,
        metadata={"source": SOURCE, "request_id": event_id, "actor": ACTOR},
        occurred_at=now,
        recorded_at=now,
    )
    (event,) = store.append_facts(cursor, [fact])
    return event


def _sender() -> Sender:
    return Sender(
        source=SOURCE,
        request_id=uuid7(),
        received_at=timezone.now(),
        actor=ACTOR,
        principal=four_eyes.principal(ACTOR, "staff"),
        refuse_early=True,
    )


def _post(submission: Submission) -> StoredEvent:
    (outcome,) = post([submission])
    if outcome.error is not None:
        raise outcome.error
    if outcome.event is None:
        raise RuntimeError("an outcome has neither an event nor an error")
    outcome.raise_rejection()
    if outcome.event.type == "proposal.made":
        raise ApprovalRequired(
            "this is more than one person may do in a day without approval: another person has to approve "
            f"proposal {outcome.event.id}",
            proposal=outcome.event.id,
        )
    return outcome.event


def _check(field: str, value: object, *, wanted: bool) -> None:
    if (value is not None) is not wanted:
        raise Invalid(f"{field} is {'required' if wanted else 'not a field of this kind'}", field=field)
