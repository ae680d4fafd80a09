"""The message handler of every topic that the ledger reads."""

from collections.abc import Mapping
from typing import Final

from events.kafka.handler import MessageHandler
from ledger.intake import copies, messages

ROUTES: Final[Mapping[str, MessageHandler]] = {**messages.ROUTES, **copies.ROUTES}
