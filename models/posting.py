"""Saving an operation or an entry: it is posted through the ledger, or refused.

``models.billing`` imports this module, so the functions take the values to post as arguments.
"""

from collections.abc import Iterable
from typing import cast

from django.core.exceptions import ValidationError
from django.db import models

from models.entries import SidedModel
from models.immutable import ImmutableModel, refusal
from models.ledger_post import ledger
from models.money import exact_amount

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
# The flag `is_training_operation` means the kind `training`, and so on.
KIND_OF_FLAG = {flag: flag.removeprefix("is_").removesuffix("_operation") for flag in FLAGS}

LINKS = ("credit", "debit", "credit_ixioo", "debit_ixioo")

_SET_BY_CALLER_OF_OPERATION = {
    "id",
    "machine",
    "machine_owner",
    "operation_user",
    *FLAGS,
    "count_of_lines",
    "count_of_training_epoch",
}
_SET_BY_CALLER_OF_ENTRY = {"side", "currency", "user", "amount"}


def record(
    operation: ImmutableModel,
    *,
    id_given: bool,
    operation_user_id: int | None,
    machine_id: int | None,
    count_of_lines: int | None,
    count_of_training_epoch: int | None,
    amount: object,
) -> None:
    """Post a new operation of the kind that its one type flag selects, and load the recorded row.

    The ledger knows the owner of the machine at that time, so ``machine_owner`` is not passed on.
    """
    kind = _kind(operation)
    _refuse_set_by_ledger(operation, _SET_BY_CALLER_OF_OPERATION)
    if id_given:
        raise refusal(type(operation), "choosing the id, which the ledger assigns,")
    if operation_user_id is None:
        raise ValidationError({"operation_user": "An operation needs a user."})
    operation.pk = ledger("Recording an operation").record_operation(
        kind=kind,
        operation_user_id=operation_user_id,
        machine_id=machine_id,
        count_of_lines=count_of_lines,
        count_of_training_epoch=count_of_training_epoch,
        amount=None if amount is None else exact_amount(amount),
    )
    _load(operation)


def link(operation: ImmutableModel, update_fields: Iterable[str] | None) -> None:
    """Fill the empty links to which an entry was assigned; refuse every other change."""
    stored = type(operation)._base_manager.get(pk=operation.pk)
    changes = [
        name for name in operation.changes(stored, update_fields) if not _was_deleted(operation, stored, name)
    ]
    links: dict[str, int] = {}
    for name in changes:
        field = name.removesuffix("_id")
        entry_id = getattr(operation, name)
        if field not in LINKS or getattr(stored, name) is not None or entry_id is None:
            raise refusal(type(operation), f"changing {', '.join(changes)}")
        if not _is_entry_of_link(operation, field, entry_id):
            raise refusal(type(operation), f"linking {entry_id}, which is no {field} entry,")
        links[field] = entry_id
    if links:
        ledger("Linking entries").link_entries(operation_id=operation.pk, links=links)
        operation.refresh_from_db()


def post(entry: SidedModel, *, side: str, currency: str, user_id: int | None, amount: object) -> None:
    """Post a new entry as a manual adjustment, and load the recorded row."""
    if entry.posts is None:
        raise refusal(type(entry), "posting without a side and currency")
    if side not in {"", entry.posts[0]} or currency not in {"", entry.posts[1]}:
        raise refusal(type(entry), "posting another side or currency")
    _refuse_set_by_ledger(entry, _SET_BY_CALLER_OF_ENTRY)
    if user_id is None:
        raise ValidationError({"user": "An entry needs a user, on whose account it is posted."})
    side, currency = entry.posts
    entry.pk = ledger("Posting an entry").post_entry(
        user_id=user_id, side=side, currency=currency, amount=exact_amount(amount)
    )
    _load(entry)


def refuse_changes(entry: ImmutableModel, update_fields: Iterable[str] | None) -> None:
    """Refuse a recorded entry that differs from the stored row; do nothing if it is equal."""
    stored = type(entry)._base_manager.get(pk=entry.pk)
    changes = [
        name
        for name in entry.changes(stored, update_fields)
        # The user may have been deleted since this object was loaded.
        if not (name == "user_id" and getattr(stored, name) is None)
    ]
    if changes:
        raise refusal(type(entry), f"changing {', '.join(changes)}")


def _kind(operation: models.Model) -> str:
    given = [flag for flag in FLAGS if getattr(operation, flag)]
    if len(given) != 1:
        named = ", ".join(given) or "none"
        raise ValidationError(f"An operation has exactly one type flag; these are set: {named}.")
    return KIND_OF_FLAG[given[0]]


def _is_entry_of_link(operation: models.Model, link_name: str, entry_id: int) -> bool:
    """Check that the entry exists and has the side and currency of the link."""
    related = cast("type[models.Model]", operation._meta.get_field(link_name).related_model)
    return related._default_manager.filter(pk=entry_id).exists()


def _refuse_set_by_ledger(row: models.Model, allowed: set[str]) -> None:
    """Refuse a new row with a value in a column that only the ledger sets."""
    given = [
        field.name
        for field in row._meta.concrete_fields
        if field.name not in allowed and getattr(row, field.attname) not in {None, ""}
    ]
    if given:
        raise refusal(type(row), f"setting {', '.join(given)}, which the ledger sets,")


def _was_deleted(operation: models.Model, stored: models.Model, name: str) -> bool:
    """Return whether the row that this object still refers to was deleted after it was loaded."""
    recorded = getattr(stored, f"recorded_{name}", None)
    return getattr(stored, name) is None and getattr(operation, name) == recorded


def _load(row: models.Model) -> None:
    row._state.adding = False
    row.refresh_from_db()
