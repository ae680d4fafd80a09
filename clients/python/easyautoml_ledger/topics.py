"""The topics, and the sources that may write to them."""

from collections.abc import Mapping
from dataclasses import dataclass

TRAINING_OPERATIONS = "training.operations"
MARKETPLACE_OPERATIONS = "marketplace.operations"
PLATFORM_USERS = "platform.users"
PLATFORM_MACHINES = "platform.machines"
TRAINING_WORKS = "training.works"
BILLING_OPERATIONS = "billing.operations"
BILLING_BALANCES = "billing.balances"
BILLING_DEAD_LETTERS = "billing.dead-letters"

TRAINING_SERVICE = "/services/training"
MARKETPLACE_SERVICE = "/services/marketplace"
PLATFORM_SERVICE = "/services/platform"
BILLING_SERVICE = "/services/billing"


@dataclass(frozen=True)
class Topic:
    """A topic: its key, and the sources that may write to it.

    ``key`` describes the key, which is UTF-8 text; messages with the same key stay in order.
    ``tombstone`` is the meaning of a message without a value, if one may be sent.
    ``payloads.TYPES_OF_TOPIC`` has its event types.
    """

    name: str
    incoming: bool
    key: str
    sources: tuple[str, ...]
    compacted: bool = False
    tombstone: str = ""


_ALL_TOPICS = (
    Topic(
        name=TRAINING_OPERATIONS,
        incoming=True,
        key="user id of the payer; for a training, the machine's owner",
        sources=(TRAINING_SERVICE,),
    ),
    Topic(
        name=MARKETPLACE_OPERATIONS,
        incoming=True,
        key="user id of the payer",
        sources=(MARKETPLACE_SERVICE,),
    ),
    Topic(
        name=PLATFORM_USERS,
        incoming=True,
        key="user id",
        sources=(PLATFORM_SERVICE,),
        compacted=True,
        tombstone="the user was deleted; the copy is deleted if all accounts are empty, else made inactive",
    ),
    Topic(
        name=PLATFORM_MACHINES,
        incoming=True,
        key="machine id",
        sources=(PLATFORM_SERVICE,),
        compacted=True,
        tombstone="the machine was deleted; recorded operations keep its number",
    ),
    Topic(
        name=TRAINING_WORKS,
        incoming=True,
        key="work id",
        sources=(TRAINING_SERVICE,),
        tombstone="the work was deleted; its hold is captured by its operation, or expires",
    ),
    Topic(
        name=BILLING_OPERATIONS,
        incoming=False,
        key="user id of the payer",
        sources=(BILLING_SERVICE,),
    ),
    Topic(
        name=BILLING_BALANCES,
        incoming=False,
        key="user id",
        sources=(BILLING_SERVICE,),
        compacted=True,
    ),
    Topic(
        name=BILLING_DEAD_LETTERS,
        incoming=False,
        key="the original key of the message",
        sources=(),
    ),
)

TOPICS: Mapping[str, Topic] = {topic.name: topic for topic in _ALL_TOPICS}
