"""The posting engine alone: submissions that were read already, in batches, to the commit."""

import time

from benchmarks.crew import Span, start_line
from benchmarks.world import Load, World, payloads


def post_batches(work: tuple[World, Load]) -> Span:
    """Post a load, batch by batch; every operation has to be recorded."""
    world, load = work
    from uuid import uuid4

    from django.utils import timezone

    from easyautoml_ledger.operations import OPERATION_ADAPTER
    from ledger.engine.posting import post
    from ledger.engine.submission import Sender
    from ledger.requests.operations import operation_submission

    submissions = [
        operation_submission(
            OPERATION_ADAPTER.validate_python(payload),
            Sender(
                source="/benchmarks",
                request_id=str(uuid4()),
                received_at=timezone.now(),
                actor="benchmarks",
            ),
        )
        for payload in payloads(world, load)
    ]
    batches = [submissions[start : start + load.batch] for start in range(0, len(submissions), load.batch)]
    post(batches.pop(0))  # opens the connection and fills what is read once
    started = start_line()
    for batch in batches:
        for outcome in post(batch):
            assert outcome.status == "recorded", outcome
    return Span(operations=len(submissions) - load.batch, started=started, ended=time.monotonic())
