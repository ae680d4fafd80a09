"""Works of the training service: places and releases the holds that their status calls for."""

from datetime import datetime
from typing import Any, Final

from django.db import connection, transaction
from django.utils import timezone

from easyautoml_ledger.reference import Work
from ledger.domain.holding import PlaceHold, VoidHold
from ledger.domain.operations import Kind, RecordOperation
from ledger.engine.posting import post
from ledger.engine.submission import Sender, Submission
from ledger.intake.reference_store import mark_applied

SOURCE: Final = "/ledger/works"
_STATUSES: Final = {
    "wait_for_server_start": "is_work_status_wait_for_server_start",
    "server_processing": "is_work_status_server_processing",
    "server_finished": "is_work_status_server_finished",
    "server_error": "is_work_status_server_error",
}


def apply_work(work: Work) -> bool:
    """Post the hold or release that the work calls for and write its row. Return False to try again later."""
    submission = _submission(work, timezone.now())
    if submission is not None:
        (outcome,) = post([submission])
        if outcome.status == "undecided":
            return False  # its user or hold is not known yet
    with transaction.atomic(), connection.cursor() as cursor:
        if mark_applied(cursor, "work", work) is None:
            return False
        _write_work(cursor, work)
    return True


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
    """Return what to post for a work: a hold while it waits or runs, its release on error; never a charge."""
    if work.hold is None:
        return None
    command: PlaceHold | VoidHold
    hold = str(work.hold)
    if work.status == "server_error":
        if not _hold_is_open(hold):
            return None
        command, type_ = VoidHold(hold=hold, occurred_at=now), "work.void"
    elif work.status == "server_finished" or work.count_of_lines is None or work.hold_expires_at is None:
        return None
    else:
        if _hold_exists(hold):
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
        type_ = "work.hold"
    return Submission(
        sender=Sender(
            source=SOURCE, request_id=f"work:{work.id}:{work.version}", received_at=now, actor="works"
        ),
        command=command,
        sent={"type": type_, "operation_user": work.operation_user, "hold": hold, "work": work.id},
    )


def _hold_exists(hold: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from ledger_hold where id = %s)", [hold])
        return bool(cursor.fetchone()[0])


def _hold_is_open(hold: str) -> bool:
    with connection.cursor() as cursor:
        cursor.execute("select exists (select from ledger_hold where id = %s and state = 'open')", [hold])
        return bool(cursor.fetchone()[0])
