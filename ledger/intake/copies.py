"""Keeps the ledger's copies of users, machines and works. See Note [Reference data]."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from easyautoml_ledger import envelope, topics
from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.payloads import TYPES_OF_TOPIC, parse_payload
from easyautoml_ledger.reference import Machine, ReferenceData, User, Work
from events.kafka import stored_messages
from events.kafka.handler import MessageHandler
from events.kafka.message import Message
from events.kafka.stored_messages import Parked
from events.poison import POISON, is_poison, reason_of
from events.store import dump
from ledger.domain.errors import Busy, Invalid
from ledger.intake import reference_store, tombstones
from ledger.intake.messages import MessageRefused
from ledger.intake.works import apply_work
from models.machine import Machine as MachineRow
from models.user import User as UserRow

log = logging.getLogger(__name__)

_KIND_OF_TYPE: Final = {User.event_type: "user", Machine.event_type: "machine", Work.event_type: "work"}


def handle(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Store messages in one transaction, then apply what can be; return the number by outcome.

    `move` runs first in the transaction. A message without a value is a tombstone, which deletes in the same
    transaction. A message that cannot be read or applied, that was changed too far in the future, or whose
    source the topic does not accept, becomes a dead letter.
    """
    tally = Counter[str]()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        move(cursor)
        tombstones.lock(cursor, messages)
        received = reference_store.received_at(cursor)
        parked: list[Parked] = []
        for message in messages:
            try:
                tally[_take_one(cursor, message, received)] += 1
            except (ContractError, Invalid, MessageRefused) as error:
                parked.append(Parked(message, error.code, str(error)))
        stored_messages.park(cursor, parked)
        tally["parked"] += len(parked)
    tally += apply()
    if reference_store.retry_free_addresses():
        tally += apply()
    return tally


def handle_one_by_one(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Store and apply works one at a time, so that no message of a work replaces one not yet applied."""
    tally = Counter[str]()
    for number, message in enumerate(messages):
        last = number == len(messages) - 1
        tally += handle([message], move if last else _move_nothing)
    return tally


def apply() -> Counter[str]:
    """Apply the stored states that can be applied now: users, then machines, then works.

    A state that the database refuses is deferred for up to an hour and does not hold up the others: for
    example a user whose email belongs to another user, because that user's own change has not arrived yet.
    """
    tally = Counter[str]()
    for kind, applied in _APPLIED.items():
        for state in reference_store.unapplied(kind):
            try:
                tally["applied"] += applied(state)
            except (*POISON, Busy) as error:
                if isinstance(error, DatabaseError) and not is_poison(error):
                    raise
                if reference_store.defer(kind, state):
                    log.warning("%s %s cannot be applied yet: %s", kind, state.id, reason_of(error))
                tally["put_off"] += 1
    return tally


ROUTES: Final[Mapping[str, MessageHandler]] = {
    topics.PLATFORM_USERS: handle,
    topics.PLATFORM_MACHINES: handle,
    topics.TRAINING_WORKS: handle_one_by_one,
}
"""The handler of each topic of reference data."""


def _move_nothing(_cursor: Any) -> None:
    """Leave the position alone: it moves with the batch's last message. Applying twice changes nothing."""


def _take_one(cursor: Any, message: Message, received: datetime) -> str:
    if message.value is None:
        tombstones.delete_for(cursor, message)
        return "deleted"
    kind, state = _read(message)
    if isinstance(state, User):
        tombstones.refuse_local_administrator(cursor, state.id)
    result = reference_store.store_if_newer(cursor, kind, state, received=received)
    if result == "deleted_since":
        raise MessageRefused(
            "changed_before_deletion", f"{kind} {state.id} was deleted after changed_at, so it stays deleted"
        )
    return result


def _read(message: Message) -> tuple[str, ReferenceData]:
    event = envelope.parse(message.headers, message.value)
    topic = topics.TOPICS[message.topic]
    if event.source not in topic.sources:
        raise MessageRefused("source_not_allowed", f"{message.topic} does not accept this source")
    if event.type not in TYPES_OF_TOPIC[message.topic] or event.type not in _KIND_OF_TYPE:
        raise ContractError("unsupported_type", f"{message.topic} has no events of this type", "type")
    state = parse_payload(event)
    match state:
        case User():
            _validate(UserRow(pk=state.id), _user_columns(state))
        case Machine():
            _validate(MachineRow(pk=state.id), _machine_columns(state))
        case ReferenceData():
            pass
        case _:
            raise TypeError(f"{event.type} is not reference data")
    return _KIND_OF_TYPE[event.type], state


def _validate(row: Model, values: Mapping[str, Any]) -> None:
    """Raise `ContractError` for values that the shared tables cannot store."""
    given = {name for name, value in values.items() if value is not None}
    for name in given:
        setattr(row, name, values[name])
    try:
        row.clean_fields(exclude={field.name for field in row._meta.concrete_fields} - given)
        row.clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise ContractError("invalid_value", " ".join(reasons), field) from error


def _user_columns(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": user.is_active and not user.deleted,
    }


def _machine_columns(machine: Machine) -> dict[str, Any]:
    public = not machine.deleted
    return {
        "machine_name": machine.machine_name or f"machine {machine.id}",
        "machine_owner_user_id": machine.machine_owner_user,
        "dfr_columns_type_user_df": machine.dfr_columns_type_user_df,
        "machine_data_source_is_public": public and machine.machine_data_source_is_public,
        "machine_data_source_price_usd": machine.machine_data_source_price_usd,
        "machine_api_solving_is_public": public and machine.machine_api_solving_is_public,
        "machine_api_solving_price_usd": machine.machine_api_solving_price_usd,
        "machine_copy_price_usd": machine.machine_copy_price_usd if public else None,
        "machine_copy_update_price_usd": machine.machine_copy_update_price_usd if public else None,
    }


def _apply_user(user: User) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if reference_store.mark_applied(cursor, "user", user) is None:
            return False
        if user.email is not None:
            _free_address(cursor, user.id, user.email)
        if not UserRow.objects.filter(pk=user.id).update(**_user_columns(user)) and not user.deleted:
            row = UserRow(pk=user.id, **_user_columns(user))
            row.set_unusable_password()
            row.save(force_insert=True)
    return True


def _free_address(cursor: Any, user: int, email: str) -> None:
    """Take an address from another user who has given it up and whose own new state is still to be applied.

    Without this, two users who swap their addresses would wait for each other for ever.
    """
    cursor.execute(
        """update models_user u set email = null
           from ledger_reference r
           where lower(u.email) = lower(%(email)s) and u.id <> %(user)s
             and r.kind = 'user' and r.thing_id = u.id and not r.applied
             and lower(r.kept ->> 'email') is distinct from lower(%(email)s)""",
        {"email": email, "user": user},
    )


def _apply_machine(machine: Machine) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        counts_from = reference_store.mark_applied(cursor, "machine", machine)
        if counts_from is None:
            return False
        # Owner and prices count from the time of the change, not of its arrival: see machines.sql.
        cursor.execute("select set_config('ledger.effective_at', %s, true)", [counts_from.isoformat()])
        _write_machine(cursor, machine)
    return True


def _write_machine(cursor: Any, machine: Machine) -> None:
    values = _machine_columns(machine)
    stored_values = {**values, "dfr_columns_type_user_df": dump(machine.dfr_columns_type_user_df)}
    assignments = ", ".join(f"{name} = %s" for name in values)
    cursor.execute(
        f"update models_machine set {assignments} where id = %s",  # noqa: S608 (fixed names)
        [*stored_values.values(), machine.id],
    )
    if cursor.rowcount == 0 and not machine.deleted:
        MachineRow(pk=machine.id, machine_level=1, **values).save(force_insert=True)


_APPLIED: Final[Mapping[str, Callable[[Any], bool]]] = {
    "user": _apply_user,
    "machine": _apply_machine,
    "work": apply_work,
}
