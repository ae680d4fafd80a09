"""Tombstones of reference data: messages without a value, which delete a user, machine or work.

A user with nothing on any account is closed and deleted, with everything they own. One who still has or owes
something is only made inactive, and the message becomes a dead letter, to be replayed once their accounts are
empty. A machine is deleted; recorded operations keep its id. Of a work only the copy is deleted: its hold is
captured by its operation, or expires.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.db import DatabaseError

from easyautoml_ledger import topics
from events.kafka.message import Message
from ledger.domain.errors import Invalid
from ledger.intake import reference_store
from ledger.intake.messages import MessageRefused
from models.access import holds_rights
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
    # Users without an account: the lock decides between this deletion and their first account.
    """select from models_user u
       where id = any(%(user)s) and not exists (select from ledger_account where user_id = u.id)
       order by id for update""",
    "select from ledger_account where user_id = any(%(user)s) order by user_id, id for update",
    """select from models_machine where id = any(%(machine)s) or machine_owner_user_id = any(%(user)s)
       order by id for update""",
)


def lock(cursor: Any, messages: Sequence[Message]) -> None:
    """Lock what the tombstones among the messages will delete.

    Stored states come first, as when they are applied; then users, accounts and machines, as in the engine.
    """
    ids: dict[str, list[int]] = {kind: [] for kind in KIND_OF_TOPIC.values()}
    for message in messages:
        if message.value is None and (deleted := _id_of_key(message.key)) is not None:
            ids[KIND_OF_TOPIC[message.topic]].append(deleted)
    if ids["user"] or ids["machine"]:
        for statement in _LOCKS:
            cursor.execute(statement, ids)


def delete_for(cursor: Any, message: Message) -> None:
    """Delete the tombstone's user, machine or work, in the caller's transaction.

    Raises `MessageRefused` if the message must become a dead letter; what was written until then is kept.
    """
    kind, number = KIND_OF_TOPIC[message.topic], _id_of_key(message.key)
    if number is None:
        raise MessageRefused(
            "key_is_no_id", f"the key of a tombstone on {message.topic} must be the {kind}'s id"
        )
    sources = {value for name, value in message.headers if name == "ce_source"}
    if sources - {source.encode() for source in topics.TOPICS[message.topic].sources}:
        raise MessageRefused("source_not_allowed", f"{message.topic} does not accept this source")
    if kind == "user":
        refuse_local_administrator(cursor, number)
    reference_store.forget(cursor, kind, number, message.timestamp)
    if kind == "work":
        Work.objects.filter(pk=number).delete()
    elif kind == "machine":
        Machine.objects.filter(pk=number).delete()
    else:
        _delete_user(number)


def refuse_local_administrator(cursor: Any, user: int) -> None:
    """Raise `MessageRefused` for the id of a user with rights who was created here, not by the platform."""
    cursor.execute(
        "select exists (select from ledger_reference where kind = 'user' and thing_id = %s)", [user]
    )
    if cursor.fetchone()[0]:
        return
    found = User.objects.filter(pk=user).first()
    if found is not None and holds_rights(found):
        raise MessageRefused("id_is_local", f"user {user} is an administrator who was created here")


def _delete_user(number: int) -> None:
    try:
        User.objects.filter(pk=number).delete()
    except (Invalid, DatabaseError) as error:
        # The database refuses if the user's first money arrived after their accounts were checked.
        if not isinstance(error, Invalid) and _constraint_of(error) != "ledger_user_has_balance":
            raise
        User.objects.filter(pk=number).update(is_active=False)
        raise MessageRefused("user_has_balance", f"user {number} still has or owes something") from error


def _constraint_of(error: DatabaseError) -> str | None:
    name: str | None = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    return name


def _id_of_key(key: bytes | None) -> int | None:
    if key is None or not key.isdigit() or len(key) > 19:
        return None
    number = int(key)
    return number if 0 < number <= _LARGEST_ID else None
