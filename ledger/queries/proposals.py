"""What waits for a second person."""

import json
from collections.abc import Iterable
from datetime import datetime

from django.db import connection

from ledger.domain.codec import decode_proposal
from ledger.domain.proposals import Proposal, Subject
from ledger.engine import kept_store

_MOST = 200


def waiting(*, at: datetime, subjects: Iterable[Subject] | None = None) -> list[Proposal]:
    """Proposals that are open and not expired, about these subjects or any, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select id::text, kept::text from ledger_proposal
               where state = 'open' and expires_at > %s and (%s::text[] is null or subject = any(%s))
               order by id desc limit %s""",
            [at, *[None if subjects is None else list(subjects)] * 2, _MOST],
        )
        return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]


def find(proposal: str) -> Proposal | None:
    """A proposal, whatever became of it."""
    with connection.cursor() as cursor:
        return next(iter(kept_store.read_proposals(cursor, [proposal])), None)


def overdue(*, at: datetime, most: int) -> list[Proposal]:
    """At most so many proposals that are open though their time was over then."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select id::text, kept::text from ledger_proposal
               where state = 'open' and expires_at <= %s order by expires_at limit %s""",
            [at, most],
        )
        return [decode_proposal(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]
