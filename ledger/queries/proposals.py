"""Reads proposals."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from ledger.domain.codec import decode_proposal
from ledger.domain.proposals import Proposal, Subject
from ledger.engine import kept_store

_LIMIT = 200


def open_proposals(*, at: datetime, subjects: Iterable[Subject] | None = None) -> list[Proposal]:
    """Return the open proposals about these subjects (None: any) that have not expired, newest first, at most
    200.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select id::text, kept::text from ledger_proposal
               where state = 'open' and expires_at > %s and (%s::text[] is null or subject = any(%s))
               order by id desc limit %s""",
            [at, *[None if subjects is None else list(subjects)] * 2, _LIMIT],
        )
        return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]


def find(proposal: str) -> Proposal | None:
    """Return a proposal in any state, if there is one with this id."""
    with connection.cursor() as cursor:
        return next(iter(kept_store.read_proposals(cursor, [proposal])), None)


def overdue(*, at: datetime, limit: int) -> list[Proposal]:
    """Return at most `limit` proposals that have expired by then and are still open, the longest overdue
    first.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select id::text, kept::text from ledger_proposal
               where state = 'open' and expires_at <= %s order by expires_at limit %s""",
            [at, limit],
        )
        return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]
