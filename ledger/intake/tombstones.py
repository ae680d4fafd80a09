"""Tombstones of reference data: a message without a value says that a user, machine or work is gone.

A user with nothing on any account is closed and deleted, with what is his. One who still has or owes
something cannot be: he is made inactive and stays, and the message is parked, to be replayed once he has
nothing. A machine is deleted, and what was recorded keeps its number. Of a work only the copy goes: what was
set aside for it is captured by its operation, or expires.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import DatabaseError

from easyautoml_ledger import topics
from events.kafka.message import Message
from ledger.domain.errors import Invalid
from ledger.intake import reference_store
from ledger.intake.messages import MessageRefused
from models.machine import Machine
from models.user import User
from models.work import Work

KIND_OF_TOPIC: Final[Mapping[str, str]] = {
    topics.PLATFORM_USERS: "user",
    topics.PLATFORM_MACHINES: "machine",
    topics.TRAINING_WORKS: "work",
}
_LARGEST_ID: Final = 2**63 - 1

_LOCKS: Final = (
    """select from ledger_reference
       where (kind = 'user' and thing_id = any(%(user)s))
          or (kind = 'machine' and (thing_id = any(%(machine)s) or thing_id in (
                  select id from models_machine where machine_owner_user_id = any(%(user)s))))
       order by kind, thing_id for update""",
    # Whoever has no account yet is about to get one, or will not.
    """select from models_user u
       where id = any(%(user)s) and not exists (select from ledger_account where user_id = u.id)
       order by id for update""",
    "select from ledger_account where user_id = any(%(user)s) order by user_id, id for update",
    """select from models_machine where id = any(%(machine)s) or machine_owner_user_id = any(%(user)s)
       order by id for update""",
)


def lock(cursor: Any, messages: Sequence[Message]) -> None:
    """Lock what the tombstones among the messages will delete.

    First what is kept of it, as who applies it does; then users, accounts and machines, as the engine does.
    """
    gone: dict[str, list[int]] = {kind: [] for kind in KIND_OF_TOPIC.values()}
    for message in messages:
        if message.value is None and (number := _number(message.key)) is not None:
            gone[KIND_OF_TOPIC[message.topic]].append(number)
    if gone["user"] or gone["machine"]:
        for statement in _LOCKS:
            cursor.execute(statement, gone)


def delete_for(cursor: Any, message: Message) -> None:
    """Delete what is gone, in the caller's transaction.

    Raises `MessageRefused` where the message is to be parked; what was written until then stays.
    """
    kind, number = KIND_OF_TOPIC[message.topic], _number(message.key)
    if number is None:
        raise MessageRefused("key_is_no_id", f"the key of a tombstone on {message.topic} is the {kind}'s id")
    sources = {value for name, value in message.headers if name == "ce_source"}
    if sources - {source.encode() for source in topics.TOPICS[message.topic].sources}:
        raise MessageRefused("source_not_allowed", f"{message.topic} takes nothing from this source")
    if kind == "user":
        check_local(cursor, number)
    reference_store.forget(cursor, kind, number, message.timestamp)
    if kind == "work":
        Work.objects.filter(pk=number).delete()
    elif kind == "machine":
        Machine.objects.filter(pk=number).delete()
    else:
        _delete_user(number)


def check_local(cursor: Any, user: int) -> None:
    """Raises `MessageRefused` for the id of an administrator who was made here, not fed."""
    cursor.execute(
        """select exists (
               select from models_user u where u.id = %(id)s and (u.is_staff or u.is_superuser)
               and not exists (
                   select from ledger_reference r where r.kind = 'user' and r.thing_id = u.id))""",
        {"id": user},
    )
    if cursor.fetchone()[0]:
        raise MessageRefused("id_is_local", f"user {user} is an administrator who was made here")


def _delete_user(number: int) -> None:
    try:
        User.objects.filter(pk=number).delete()
    except (Invalid, DatabaseError) as error:
        # The database refuses where his very first money came between the look at his accounts and the end.
        if not isinstance(error, Invalid) and _constraint_of(error) != "ledger_user_has_balance":
            raise
        User.objects.filter(pk=number).update(is_active=False)
        raise MessageRefused("user_has_balance", f"user {number} still has or owes something") from error


def _constraint_of(error: DatabaseError) -> str | None:
    name: str | None = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return name


def _number(key: bytes | None) -> int | None:
    if key is None or not key.isdigit() or len(key) > 19:
        return None
    number = int(key)
    return number if 0 < number <= _LARGEST_ID else None
