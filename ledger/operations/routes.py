"""What becomes of the messages of every topic that the ledger reads."""

from collections.abc import Mapping
from typing import Final

from events.kafka.taking import Take
from ledger.operations import ingest, reference

ROUTES: Final[Mapping[str, Take]] = {**ingest.ROUTES, **reference.ROUTES}
