"""Reference data of other services: the ledger's copies of users, machines and works.

# Note [Reference data]
A message is the whole state of one thing. It is kept under the thing's id in the transaction that moves
the position, unless a higher version is kept already: of two messages the higher version counts,
whichever comes last. What is kept is then applied to the tables; what names somebody who is not known
yet stays kept, and is applied once he is. Applying twice changes nothing, so a worker may be killed
between the two.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from easyautoml_ledger import envelope, topics
from easyautoml_ledger.errors import ContractError
from easyautoml_ledger.payloads import parse_payload
from easyautoml_ledger.reference import Machine, ReferenceData, User, Work
from events.kafka import stored
from events.kafka.message import Message
from events.kafka.stored import Parked
from events.kafka.taking import Take
from events.store import dump
from ledger.commands import Submission
from ledger.domain.holding import PlaceHold, VoidHold
from ledger.domain.operations import Kind, RecordOperation
from ledger.operations.ingest import Unwelcome
from ledger.posting import post
from models.machine import Machine as MachineRow
from models.user import User as UserRow

SOURCE: Final = "/ledger/works"
_BATCH: Final = 500
_MODELS: Final[Mapping[str, type[ReferenceData]]] = {"user": User, "machine": Machine, "work": Work}
_KIND_OF_TYPE: Final = {topics.USER: "user", topics.MACHINE: "machine", topics.WORK: "work"}
_STATUSES: Final = {
    "wait_for_server_start": "is_work_status_wait_for_server_start",
    "server_processing": "is_work_status_server_processing",
    "server_finished": "is_work_status_server_finished",
    "server_error": "is_work_status_server_error",
}


def take(messages: Sequence[Message], move: Callable[[Any], None]) -> Counter[str]:
    """Keep messages in one transaction, then apply what can be applied; how many became what.

    `move` runs first in it. What cannot be read, or comes from a source that the topic does not take, is
    parked.
    """
    tally = Counter[str]()
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        move(cursor)
        parked: list[Parked] = []
        for message in messages:
            try:
                kind, thing = _read(message)
                _check_local(cursor, kind, thing)
            except (ContractError, Unwelcome) as error:
                parked.append(Parked(message, error.code, str(error)))
                continue
            tally["kept" if _keep(cursor, kind, thing) else "stale"] += 1
        stored.park(cursor, parked)
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
    """Apply what is kept and can be applied now: users, then machines, then works."""
    tally = Counter[str]()
    for kind, applied in (("user", _apply_user), ("machine", _apply_machine), ("work", _apply_work)):
        for thing in _unapplied(kind):
            if applied(thing):
                tally["applied"] += 1
    return tally


ROUTES: Final[Mapping[str, Take]] = {
    topics.PLATFORM_USERS: take,
    topics.PLATFORM_MACHINES: take,
    topics.TRAINING_WORKS: take_one_by_one,
}
"""What becomes of the messages of each topic of reference data."""


def _stay(_cursor: Any) -> None:
    """The position moves with the last message of the batch; applying one twice changes nothing."""


def _read(message: Message) -> tuple[str, ReferenceData]:
    event = envelope.parse(message.headers, message.value)
    topic = topics.TOPICS[message.topic]
    if event.source not in topic.sources:
        raise Unwelcome("source_not_allowed", f"{message.topic} takes nothing from this source")
    if event.type not in topic.types or event.type not in _KIND_OF_TYPE:
        raise ContractError("unsupported_type", f"{message.topic} has no events of this type", "type")
    thing = parse_payload(event)
    if not isinstance(thing, ReferenceData):
        raise TypeError(f"{event.type} is no reference data")
    return _KIND_OF_TYPE[event.type], thing


def _check_local(cursor: Any, kind: str, thing: ReferenceData) -> None:
    """Raises `Unwelcome` for the id of an administrator who was made here, not fed."""
    if kind != "user":
        return
    cursor.execute(
        """select exists (
               select from models_user u where u.id = %(id)s and (u.is_staff or u.is_superuser)
               and not exists (
                   select from ledger_reference r where r.kind = 'user' and r.thing_id = u.id))""",
        {"id": thing.id},
    )
    if cursor.fetchone()[0]:
        raise Unwelcome("id_is_local", f"user {thing.id} is an administrator who was made here")


def _keep(cursor: Any, kind: str, thing: ReferenceData) -> bool:
    cursor.execute(
        """insert into ledger_reference (kind, thing_id, version, kept, applied)
           values (%s, %s, %s, %s, false)
           on conflict (kind, thing_id) do update
           set version = excluded.version, kept = excluded.kept, applied = false
           where ledger_reference.version < excluded.version""",
        [kind, thing.id, thing.version, dump(thing.model_dump(mode="json"))],
    )
    return bool(cursor.rowcount)


def _unapplied(kind: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            """select kept::text from ledger_reference r
               where kind = %(kind)s and not applied and case kind
                   when 'machine' then (kept ->> 'deleted')::boolean or exists (
                       select from models_user where id = (kept ->> 'machine_owner_user')::bigint)
                   when 'work' then exists (
                       select from models_machine where id = (kept ->> 'machine')::bigint)
                   else true end
               order by thing_id limit %(limit)s""",
            {"kind": kind, "limit": _BATCH},
        )
        return [_MODELS[kind].model_validate_json(row[0]) for row in cursor.fetchall()]


def _applied(cursor: Any, kind: str, thing: ReferenceData) -> bool:
    """Note it, unless a later version has come meanwhile."""
    cursor.execute(
        "update ledger_reference set applied = true where kind = %s and thing_id = %s and version = %s",
        [kind, thing.id, thing.version],
    )
    return bool(cursor.rowcount)


def _apply_user(user: User) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        row = UserRow.objects.filter(pk=user.id).first()
        values = {
            "email": user.email,
            "first_name": user.first_name,
            "last_name": user.last_name,
            "is_active": user.is_active and not user.deleted,
        }
        if row is None and not user.deleted:
            row = UserRow(pk=user.id, **values)
            row.set_unusable_password()
            row.save(force_insert=True)
        elif row is not None:
            UserRow.objects.filter(pk=user.id).update(**values)
        return _applied(cursor, "user", user)


def _apply_machine(machine: Machine) -> bool:
    with transaction.atomic(), connection.cursor() as cursor:
        # The history of owner and prices counts from when the change was made: Note in machines.sql.
        cursor.execute("select set_config('ledger.effective_at', %s, true)", [machine.changed_at.isoformat()])
        _write_machine(cursor, machine)
        return _applied(cursor, "machine", machine)


def _write_machine(cursor: Any, machine: Machine) -> None:
    public = not machine.deleted
    values = {
        "machine_name": machine.machine_name or f"machine {machine.id}",
        "machine_owner_user_id": machine.machine_owner_user,
        "dfr_columns_type_user_df": dump(machine.dfr_columns_type_user_df),
        "machine_data_source_is_public": public and machine.machine_data_source_is_public,
        "machine_data_source_price_usd": machine.machine_data_source_price_usd,
        "machine_api_solving_is_public": public and machine.machine_api_solving_is_public,
        "machine_api_solving_price_usd": machine.machine_api_solving_price_usd,
        "machine_copy_price_usd": machine.machine_copy_price_usd if public else None,
        "machine_copy_update_price_usd": machine.machine_copy_update_price_usd if public else None,
    }
    assignments = ", ".join(f"{name} = %s" for name in values)
    cursor.execute(
        f"update models_machine set {assignments} where id = %s",  # noqa: S608 (fixed names)
        [*values.values(), machine.id],
    )
    if cursor.rowcount == 0 and not machine.deleted:
        fields = {**values, "dfr_columns_type_user_df": machine.dfr_columns_type_user_df}
        MachineRow(pk=machine.id, machine_level=1, **fields).save(force_insert=True)


def _apply_work(work: Work) -> bool:
    submission = _submission(work, timezone.now())
    if submission is not None:
        (outcome,) = post([submission])
        if outcome.status == "undecided":
            return False  # its user or hold is not known yet
    with transaction.atomic(), connection.cursor() as cursor:
        _write_work(cursor, work)
        return _applied(cursor, "work", work)


def _write_work(cursor: Any, work: Work) -> None:
    finished = work.changed_at if work.status in {"server_finished", "server_error"} else None
    values = {
        "machine_id": work.machine,
        "is_work_training": True if work.mode == "training" else None,
        "is_work_solving": True if work.mode == "solving" else None,
        **{column: True if status == work.status else None for status, column in _STATUSES.items()},
        "work_started_at_date_time": work.changed_at,
        "work_finished_at_date_time": finished,
    }
    names = ", ".join(values)
    updates = ", ".join(f"{name} = excluded.{name}" for name in values)
    cursor.execute(
        f"""insert into models_work (id, {names}) values (%s, {", ".join(["%s"] * len(values))})
            on conflict (id) do update set {updates}""",  # noqa: S608 (fixed names)
        [work.id, *values.values()],
    )


def _submission(work: Work, now: datetime) -> Submission | None:
    """What a work means for money: a hold while it waits or runs, its release on error; never a charge."""
    if work.hold is None:
        return None
    command: PlaceHold | VoidHold
    hold = str(work.hold)
    if work.status == "server_error":
        if not _is_open(hold):
            return None
        command, type_ = VoidHold(hold=hold, occurred_at=now), "hold.voided"
    elif work.status == "server_finished" or work.count_of_lines is None or work.hold_expires_at is None:
        return None
    else:
        if _is_known(hold):
            return None
        estimate = RecordOperation(
            kind=Kind(work.mode),
            operation_user=work.operation_user,
            occurred_at=now,
            machine=work.machine,
            count_of_lines=work.count_of_lines,
            count_of_training_epoch=work.count_of_training_epoch,
        )
        command = PlaceHold(hold=hold, estimate=estimate, expires_at=work.hold_expires_at)
        type_ = "hold.requested"
    return Submission(
        source=SOURCE,
        request_id=f"work:{work.id}:{work.version}",
        command=command,
        sent={"type": type_, "operation_user": work.operation_user, "hold": hold, "work": work.id},
        actor="works",
    )


def _is_known(hold: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from ledger_hold where id = %s)", [hold])
        return bool(cursor.fetchone()[0])


def _is_open(hold: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from ledger_hold where id = %s and state = 'open')", [hold])
        return bool(cursor.fetchone()[0])
