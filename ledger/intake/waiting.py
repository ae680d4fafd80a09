"""Waiting messages: posted once what they name is known, rejected when their time is up."""

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from easyautoml_ledger.errors import ContractError
from events.kafka import dead_letter_store, stored_messages
from events.kafka.handler import TryAgain
from events.kafka.stored_messages import Parked, StoredWaiting
from events.poison import INTERNAL_ERROR, POISON, is_poison, isolate, reason_of
from ledger.domain.errors import Busy, LockTimeout
from ledger.domain.payment_references import NOT_SAID
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from ledger.intake import control_totals
from ledger.intake.messages import MessageRefused, parked_for, read, waits_for

log = logging.getLogger(__name__)

BATCH: Final = 500


def sweep() -> Counter[str]:
    """Retry the waiting messages that may be decided now; return the number by outcome.

    At most one batch: the next sweep continues. Raises `TryAgain`.
    """
    with connection.cursor() as cursor:
        due = _due(cursor)
        waiting = _read(cursor, due) if due else []
    tally = control_totals.answer_due()
    return tally + _post(waiting) if waiting else tally


def _due(cursor: Any) -> list[int]:
    """Return the waiting messages that name something now known, or whose deadline has passed."""
    cursor.execute(
        f"""with awaited as materialized (
               select waits_for, split_part(waits_for, ':', 1) as kind,
                      nullif(split_part(waits_for, ':', 2), '') as id,
                      split_part(waits_for, ':', 3) as provider
               from (select distinct waits_for from events_waiting) names),
           known as (
               select waits_for from awaited
               where case kind
                   when 'user' then exists (select from models_user u where u.id = awaited.id::bigint)
                   when 'machine' then exists (select from models_machine m where m.id = awaited.id::bigint)
                   when 'hold' then exists (select from ledger_hold h where h.id = awaited.id::uuid)
                   when 'payout' then exists (select from ledger_payout p where p.id = awaited.id::uuid)
                   when 'payment' then exists (
                       select from ledger_payment_reference r
                       where r.digest >= awaited.id and r.digest < awaited.id || 'g'
                         and (awaited.provider = '{NOT_SAID}'
                              or r.payments ?| array[awaited.provider, '{NOT_SAID}']))
                   end)
           select id from events_waiting
           where (waits_for in (select waits_for from known) or deadline <= now()) and waits_for <> %s
           order by id limit %s""",  # noqa: S608 (a fixed name)
        [control_totals.WAITS_FOR, BATCH],
    )
    return [row[0] for row in cursor.fetchall()]


def _read(cursor: Any, ids: Sequence[int]) -> list[StoredWaiting]:
    waiting = stored_messages.read_waiting(cursor, ids)
    messages = dead_letter_store.with_replays(cursor, [item.message for item in waiting])
    return [replace(item, message=message) for item, message in zip(waiting, messages, strict=True)]


class _PartlyLocked(Exception):
    """Another worker has locked some of the messages; `ours` are the ids of the others."""

    def __init__(self, ours: set[int]) -> None:
        super().__init__()
        self.ours = ours


class _Batch:
    """The waiting messages of a batch, locked while their commands are posted."""

    def __init__(self, waiting: Sequence[StoredWaiting]) -> None:
        self.tally: Counter[str] = Counter()
        self._waiting = waiting

    def begin(self, cursor: Any) -> None:
        ids = [item.id for item in self._waiting]
        locked = stored_messages.lock_waiting(cursor, ids)
        if len(locked) < len(ids):
            raise _PartlyLocked(locked)

    def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
        parked, done, still = [], [], []
        tally = Counter[str]()
        for item, outcome in zip(self._waiting, outcomes, strict=True):
            if outcome.status == "undecided":
                still.append((item.id, waits_for(outcome)))
                continue
            done.append(item.id)
            if outcome.status in {"conflict", "refused"}:
                parked.append(parked_for(item.message, outcome))
            else:
                tally["duplicate" if outcome.replayed else outcome.status] += 1
        stored_messages.park(cursor, parked)
        stored_messages.remove_waiting(cursor, done)
        stored_messages.wait_for_another(cursor, still)
        tally["parked"] += len(parked)
        self.tally = tally


def _post(waiting: Sequence[StoredWaiting]) -> Counter[str]:
    tallies = isolate(
        waiting,
        _attempt,
        give_up=_give_up,
        causes=(*POISON, ContractError, MessageRefused, LockTimeout),
        is_cause=lambda error: not isinstance(error, DatabaseError) or is_poison(error),
    )
    return sum(tallies, Counter[str]())


def _attempt(waiting: Sequence[StoredWaiting]) -> list[Counter[str]]:
    now = timezone.now()
    batch = _Batch(waiting)
    try:
        post([_submission(item, late=item.deadline <= now) for item in waiting], hook=batch)
    except _PartlyLocked as partly:
        ours = [item for item in waiting if item.id in partly.ours]
        return _attempt(ours) if ours else []
    except LockTimeout:
        raise
    except Busy as error:
        raise TryAgain(str(error)) from error
    return [batch.tally]


def _give_up(item: StoredWaiting, error: Exception) -> list[Counter[str]]:
    if isinstance(error, LockTimeout):
        return []  # it waits until its users are free
    return _park(item, error)


def _park(item: StoredWaiting, error: Exception) -> list[Counter[str]]:
    code = getattr(error, "code", INTERNAL_ERROR)
    if code == INTERNAL_ERROR:
        log.error(
            "waiting message %s becomes a dead letter: the ledger failed to post it", item.id, exc_info=error
        )
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        if stored_messages.lock_waiting(cursor, [item.id]):
            stored_messages.park(cursor, [Parked(item.message, code, reason_of(error))])
            stored_messages.remove_waiting(cursor, [item.id])
    return [Counter(parked=1)]


def _submission(item: StoredWaiting, *, late: bool) -> Submission:
    # Its time of occurrence is checked against its arrival, so that it does not become too old while waiting.
    return replace(read(item.message, item.stored_at), out_of_time=late)
