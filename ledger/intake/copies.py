"""Reference data of other services: the ledger's copies of users, machines and works. See `kept`."""

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import ValidationError
from django.db import DatabaseError, connection, transaction
from django.db.models import Model

from easyautoml_ledger import envelope, topics
from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.payloads import parse_payload
from easyautoml_ledger.reference import Machine, ReferenceData, User
from events.kafka import stored_messages
from events.kafka.handler import MessageHandler
from events.kafka.message import Message
from events.kafka.stored_messages import Parked
from events.poison import POISON, is_poison, reason_of
from events.store import dump
from ledger.domain.errors import Busy
from ledger.intake import reference_store, tombstones
from ledger.intake.messages import MessageRefused
from ledger.intake.works import apply_work
from models.machine import Machine as MachineRow
from models.user import User as UserRow

log = logging.getLogger(__name__)

_KIND_OF_TYPE: Final = {topics.USER: "user", topics.MACHINE: "machine", topics.WORK: "work"}


def take(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Keep messages in one transaction, then apply what can be applied; how many became what.

    `move` runs first in it. A message without a value deletes, in that transaction too. What cannot be
    read, cannot be deleted, or comes from a source that the topic does not take, is parked.
    """
    tally = Counter[str]()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        move(cursor)
        tombstones.lock(cursor, messages)
        parked: list[Parked] = []
        for message in messages:
            try:
                tally[_take_one(cursor, message)] += 1
            except (ContractError, MessageRefused) as error:
                parked.append(Parked(message, error.code, str(error)))
        stored_messages.park(cursor, parked)
        tally["parked"] += len(parked)
    return tally + apply()


def take_one_by_one(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Take works: each is applied before the next of the same work can replace it."""
    tally = Counter[str]()
    for number, message in enumerate(messages):
        last = number == len(messages) - 1
        tally += take([message], move if last else _stay)
    return tally


def apply() -> Counter[str]:
    """Apply what is kept and can be applied now: users, then machines, then works.

    What the database refuses is put off, and holds nothing else up: a user whose address still belongs to
    another one, say, whose own change has not come yet.
    """
    tally = Counter[str]()
    for kind, applied in _APPLIED.items():
        for thing in reference_store.unapplied(kind):
            try:
                tally["applied"] += applied(thing)
            except (*POISON, Busy) as error:
                if isinstance(error, DatabaseError) and not is_poison(error):
                    raise
                log.warning("%s %s is put off: %s", kind, thing.id, reason_of(error))
                reference_store.put_off(kind, thing)
                tally["put_off"] += 1
    return tally


ROUTES: Final[Mapping[str, MessageHandler]] = {
    topics.PLATFORM_USERS: take,
    topics.PLATFORM_MACHINES: take,
    topics.TRAINING_WORKS: take_one_by_one,
}
"""What becomes of the messages of each topic of reference data."""


def _stay(_cursor: Any) -> None:
    """The position moves with the last message of the batch; applying one twice changes nothing."""


def _take_one(cursor: Any, message: Message) -> str:
    if message.value is None:
        tombstones.delete_for(cursor, message)
        return "deleted"
    kind, thing = _read(message)
    if isinstance(thing, User):
        tombstones.check_local(cursor, thing.id)
    return "kept" if reference_store.keep(cursor, kind, thing) else "stale"


def _read(message: Message) -> tuple[str, ReferenceData]:
    event = envelope.parse(message.headers, message.value)
    topic = topics.TOPICS[message.topic]
    if event.source not in topic.sources:
        raise MessageRefused("source_not_allowed", f"{message.topic} takes nothing from this source")
    if event.type not in topic.types or event.type not in _KIND_OF_TYPE:
        raise ContractError("unsupported_type", f"{message.topic} has no events of this type", "type")
    thing = parse_payload(event)
    match thing:
        case User():
            _check(UserRow(pk=thing.id), _of_user(thing))
        case Machine():
            _check(MachineRow(pk=thing.id), _of_machine(thing))
        case ReferenceData():
            pass
        case _:
            raise TypeError(f"{event.type} is no reference data")
    return _KIND_OF_TYPE[event.type], thing


def _check(row: Model, values: Mapping[str, Any]) -> None:
    """What the shared tables would not store is no state of anything. Raises `ContractError`."""
    told = {name for name, value in values.items() if value is not None}
    for name in told:
        setattr(row, name, values[name])
    try:
        row.clean_fields(exclude={field.name for field in row._meta.concrete_fields} - told)
        row.clean()
    except ValidationError as error:
        field, reasons = next(iter(error.message_dict.items()))
        raise ContractError("invalid_value", " ".join(reasons), field) from error


def _of_user(user: User) -> dict[str, Any]:
    return {
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "is_active": user.is_active and not user.deleted,
    }


def _of_machine(machine: Machine) -> dict[str, Any]:
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
        if not reference_store.note_applied(cursor, "user", user):
            return False
        if not UserRow.objects.filter(pk=user.id).update(**_of_user(user)) and not user.deleted:
            row = UserRow(pk=user.id, **_of_user(user))
            row.set_unusable_password()
            row.save(force_insert=True)
    return True


def _apply_machine(machine: Machine) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        if not reference_store.note_applied(cursor, "machine", machine):
            return False
        # The history of owner and prices counts from when the change was made: Note in machines.sql.
        cursor.execute("select set_config('ledger.effective_at', %s, true)", [machine.changed_at.isoformat()])
        _write_machine(cursor, machine)
    return True


def _write_machine(cursor: Any, machine: Machine) -> None:
    values = _of_machine(machine)
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
