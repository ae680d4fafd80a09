"""The adjustments that wait for a second person."""

import json
from datetime import datetime

from django.db import connection

from ledger.domain.proposals import Proposal
from ledger.domain.state import proposal_from

_MOST = 200


def waiting(*, at: datetime) -> list[Proposal]:
    """Proposals that are open and not expired, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """select id::text, kept::text from ledger_proposal
               where state = 'open' and expires_at > %s order by id desc limit %s""",
            [at, _MOST],
        )
        return [proposal_from(proposal, json.loads(kept)) for proposal, kept in cursor.fetchall()]
