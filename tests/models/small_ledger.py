"""A small ledger behind the port, for SQLite: it writes rows and makes no decisions.

It inserts rows as the ledger does, bypassing the guards of the ORM, and keeps the arguments of its calls.
"""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection
from django.db.models import Max, sql
from django.utils import timezone

from models.billing import Entry, Operation
from models.consulting import CANCELLED, CONTRACT, FINISHED, FOLLOWS
from models.machine import Machine
from models.posting import KIND_OF_FLAG

calls: list[dict[str, Any]] = []


class HasBalance(Exception):
    """The user cannot be closed, because an account has a balance."""


def record_operation(
    *,
    kind: str,
    operation_user_id: int,
    machine_id: int | None,
    count_of_lines: int | None,
    count_of_training_epoch: int | None,
    amount: Decimal | None,
) -> UUID:
    calls.append(
        {
            "kind": kind,
            "operation_user_id": operation_user_id,
            "machine_id": machine_id,
            "count_of_lines": count_of_lines,
            "count_of_training_epoch": count_of_training_epoch,
            "amount": amount,
        }
    )
    owner_id = None if machine_id is None else Machine.objects.get(pk=machine_id).machine_owner_user_id
    flags = {flag: True for flag, name in KIND_OF_FLAG.items() if name == kind}
    operation = _operation(
        kind,
        machine_id=machine_id,
        machine_owner_id=owner_id,
        operation_user_id=operation_user_id,
        recorded_machine_id=machine_id,
        recorded_machine_owner_id=owner_id,
        recorded_operation_user_id=operation_user_id,
        count_of_lines=count_of_lines,
        count_of_training_epoch=count_of_training_epoch,
        **flags,
    )
    if amount is not None:
        _pair(operation, user_id=operation_user_id, side="C", currency="USD", amount=amount)
    elif kind == "training" and owner_id is not None:
        _pair(operation, user_id=owner_id, side="D", currency="EAML", amount=Decimal(1))
    return operation.id


def post_entry(*, user_id: int, side: str, currency: str, amount: Decimal) -> int:
    operation = _operation("adjustment", operation_user_id=user_id, recorded_operation_user_id=user_id)
    return _pair(operation, user_id=user_id, side=side, currency=currency, amount=amount)


def link_entries(*, operation_id: UUID, links: dict[str, int]) -> None:
    calls.append({"operation_id": operation_id, "links": links})
    columns = ", ".join(f"{name}_id = %s" for name in links)
    with connection.cursor() as cursor:
        cursor.execute(
            f"update models_operation set {columns} where id = %s", [*links.values(), operation_id.hex]
        )


def move_contract(*, contract_id: int, step: str, amount: Decimal | None) -> None:
    calls.append({"contract_id": contract_id, "step": step, "amount": amount})
    now = {"contract": CONTRACT, "finish": FINISHED, "split": FINISHED, "cancel": CANCELLED}[step]
    flags = ", ".join(f"{flag} = {'true' if flag == now else 'false'}" for flag in FOLLOWS)
    with connection.cursor() as cursor:
        cursor.execute(f"update models_consultingrequest set {flags} where id = %s", [contract_id])


def note_deleted_machines(*, machine_ids: list[int]) -> None:
    """Keep no log that could note them."""
    del machine_ids


def close_user(*, user_id: int) -> None:
    signed = {"C": 1, "D": -1}
    entries = Entry.objects.filter(user=user_id).values_list("currency", "side", "amount")
    sums: dict[str, Decimal] = {}
    for currency, side, amount in entries:
        sums[currency] = sums.get(currency, Decimal(0)) + signed[side] * amount
    if any(sums.values()):
        raise HasBalance(f"user {user_id} has {sums}")
    calls.append({"closed": user_id})


def _operation(kind: str, **values: Any) -> Operation:
    now = timezone.now()
    last = Operation.objects.aggregate(last=Max("position"))["last"] or 0
    row = Operation(
        kind=kind, position=last + 1, occurred_at=now, recorded_at=now, effective_at=now, **values
    )
    row.id = uuid4()
    _insert(row)
    return row


def _pair(operation: Operation, *, user_id: int, side: str, currency: str, amount: Decimal) -> int:
    first = 2 * operation.position
    account = 10 * user_id + (currency == "EAML")
    version = Entry.objects.filter(account_id=account).count() + 1
    for number, (holder, account_id, account_version) in enumerate(
        ((user_id, account, version), (None, 1, None))
    ):
        entry = Entry(
            id=first + number,
            operation_id=operation.id,
            transfer=0,
            side=side if holder else {"C": "D", "D": "C"}[side],
            account_id=account_id,
            user_id=holder,
            currency=currency,
            amount=amount,
            balance_after=None,
            account_version=account_version,
            position=operation.position,
            occurred_at=operation.occurred_at,
            recorded_at=operation.recorded_at,
            effective_at=operation.effective_at,
        )
        _insert(entry)
    return first


def _insert(row: Operation | Entry) -> None:
    query = sql.InsertQuery(type(row))
    query.insert_values(row._meta.concrete_fields, [row])
    query.get_compiler(connection=connection).execute_sql()
