"""What saving an operation or an entry does: it goes through the ledger, or is refused."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

from django.core.exceptions import ValidationError

from models.immutable import ImmutableModel, refusal
from models.ledger_post import ledger
from models.money import exact_amount

if TYPE_CHECKING:
    from django.db import models

    from models.billing import Entry, Operation

FLAGS = (
    "is_training_operation",
    "is_solving_operation",
    "is_solving_with_api_operation",
    "is_solving_with_api_market_operation",
    "is_buy_data_source_operation",
    "is_machine_copy_operation",
    "is_machine_copy_update_operation",
    "is_credit_from_user_operation",
    "is_pay_a_bill_operation",
)
# The flag `is_training_operation` stands for the kind `training`, and so on.
KIND_OF_FLAG = {flag: flag.removeprefix("is_").removesuffix("_operation") for flag in FLAGS}

LINKS = ("credit", "debit", "credit_ixioo", "debit_ixioo")

_SAID_BY_CALLER_OF_OPERATION = {
    "id",
    "machine",
    "machine_owner",
    "operation_user",
    *FLAGS,
    "count_of_lines",
    "count_of_training_epoch",
}
_SAID_BY_CALLER_OF_ENTRY = {"side", "currency", "user", "amount"}


def record(operation: "Operation") -> None:
    """Post a new operation of the kind that its one flag says, and load what was recorded."""
    kind = _kind(operation)
    _refuse_said(operation, _SAID_BY_CALLER_OF_OPERATION)
    if operation.id_given:
        raise refusal(type(operation), "choosing the id, which the ledger gives,")
    if operation.operation_user_id is None:
        raise ValidationError({"operation_user": "An operation needs its user."})
    amount = operation.amount
    operation.pk = ledger("Recording an operation").record_operation(
        kind=kind,
        operation_user_id=operation.operation_user_id,
        machine_id=operation.machine_id,
        machine_owner_id=operation.machine_owner_id,
        count_of_lines=operation.count_of_lines,
        count_of_training_epoch=operation.count_of_training_epoch,
        amount=None if amount is None else exact_amount(amount),
    )
    operation.amount = None
    _load(operation)


def link(operation: "Operation", update_fields: Iterable[str] | None) -> None:
    """Fill the empty links that were assigned an entry; any other change is refused."""
    stored = type(operation).cascades.get(pk=operation.pk)
    changes = [
        name for name in operation.changes(stored, update_fields) if not _has_gone(operation, stored, name)
    ]
    links: dict[str, int] = {}
    for name in changes:
        field = name.removesuffix("_id")
        entry_id = getattr(operation, name)
        if field not in LINKS or getattr(stored, name) is not None or entry_id is None:
            raise refusal(type(operation), f"changing {', '.join(changes)}")
        if not _entries(operation, field).filter(pk=entry_id).exists():
            raise refusal(type(operation), f"linking entry {entry_id} as {field}, which it is not,")
        links[field] = entry_id
    if links:
        ledger("Linking entries").link_entries(operation_id=operation.pk, links=links)
        operation.refresh_from_db()


def post(entry: "Entry") -> None:
    """Post a new entry as a manual adjustment, and load what was recorded."""
    if entry.posts is None:
        raise refusal(type(entry), "posting without saying which side and currency")
    side, currency = entry.posts
    if entry.side not in {"", side} or entry.currency not in {"", currency}:
        raise refusal(type(entry), "posting another side or currency")
    _refuse_said(entry, _SAID_BY_CALLER_OF_ENTRY)
    if entry.user_id is None:
        raise ValidationError({"user": "An entry is posted to a user's account."})
    entry.pk = ledger("Posting an entry").post_entry(
        user_id=entry.user_id, side=side, currency=currency, amount=exact_amount(entry.amount)
    )
    _load(entry)


def refuse_changes(entry: "Entry", update_fields: Iterable[str] | None) -> None:
    """Refuse a recorded entry that differs from what is stored; the same again is nothing."""
    stored = type(entry).cascades.get(pk=entry.pk)
    changes = entry.changes(stored, update_fields)
    # The user may have been deleted since this object was loaded.
    if changes == ["user_id"] and stored.user_id is None:
        return
    if changes:
        raise refusal(type(entry), f"changing {', '.join(changes)}")


def _kind(operation: "Operation") -> str:
    given = [flag for flag in FLAGS if getattr(operation, flag)]
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ValidationError(f"An operation has exactly one type; set here: {named}.")
    return KIND_OF_FLAG[given[0]]


def _entries(operation: "Operation", link_name: str) -> "models.QuerySet[Entry]":
    related = cast("type[Entry]", operation._meta.get_field(link_name).related_model)
    return related.objects.all()


def _refuse_said(row: ImmutableModel, allowed: set[str]) -> None:
    """Refuse a new row that says what only the ledger can say."""
    said = [
        field.name
        for field in row._meta.concrete_fields
        if field.name not in allowed and getattr(row, field.attname) not in {None, ""}
    ]
    if said:
        raise refusal(type(row), f"setting {', '.join(said)}, which the ledger does,")


def _has_gone(operation: "Operation", stored: "Operation", name: str) -> bool:
    """Whether what this object still refers to was deleted since it was loaded."""
    recorded = getattr(stored, f"recorded_{name}", None)
    return getattr(stored, name) is None and getattr(operation, name) == recorded


def _load(row: ImmutableModel) -> None:
    row._state.adding = False
    row.refresh_from_db()
