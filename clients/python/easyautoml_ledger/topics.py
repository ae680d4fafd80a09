"""The names on the wire: topics, event types and sources, and which of them belong together."""

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

# The event types that the ledger reads.
OPERATION = "com.easyautoml.operation.v1"
HOLD_REQUESTED = "com.easyautoml.hold.requested.v1"
HOLD_CAPTURED = "com.easyautoml.hold.captured.v1"
HOLD_VOIDED = "com.easyautoml.hold.voided.v1"
PAYOUT_REQUESTED = "com.easyautoml.payout.requested.v1"
PAYOUT_PAID = "com.easyautoml.payout.paid.v1"
PAYOUT_FAILED = "com.easyautoml.payout.failed.v1"
CHARGEBACK = "com.easyautoml.chargeback.v1"
USER = "com.easyautoml.user.v1"
MACHINE = "com.easyautoml.machine.v1"
WORK = "com.easyautoml.work.v1"
CONTROL_TOTAL = "com.easyautoml.control-total.v1"

# The event types that the ledger publishes.
BILLING_OPERATION_RECORDED = "com.easyautoml.billing.operation.recorded.v1"
BILLING_OPERATION_REJECTED = "com.easyautoml.billing.operation.rejected.v1"
BILLING_OPERATION_REVERSED = "com.easyautoml.billing.operation.reversed.v1"
BILLING_HOLD_PLACED = "com.easyautoml.billing.hold.placed.v1"
BILLING_HOLD_REFUSED = "com.easyautoml.billing.hold.refused.v1"
BILLING_HOLD_CAPTURED = "com.easyautoml.billing.hold.captured.v1"
BILLING_HOLD_VOIDED = "com.easyautoml.billing.hold.voided.v1"
BILLING_HOLD_EXPIRED = "com.easyautoml.billing.hold.expired.v1"
BILLING_PAYOUT_REQUESTED = "com.easyautoml.billing.payout.requested.v1"
BILLING_PAYOUT_PAID = "com.easyautoml.billing.payout.paid.v1"
BILLING_PAYOUT_FAILED = "com.easyautoml.billing.payout.failed.v1"
BILLING_CONTROL_TOTAL = "com.easyautoml.billing.control-total.v1"
BILLING_BALANCE = "com.easyautoml.billing.balance.v1"


@dataclass(frozen=True)
class Topic:
    """A topic: the sources that may write it, its event types, and its key.

    ``key`` describes the key, which is UTF-8 text; messages with the same key stay in order.
    ``types`` is empty if messages keep their original type (dead letters). ``tombstone`` is
    the meaning of a message without a value, if one may be sent.
    """

    name: str
    incoming: bool
    key: str
    types: tuple[str, ...]
    sources: tuple[str, ...]
    compacted: bool = False
    tombstone: str = ""


_ALL_TOPICS = (
    Topic(
        name=TRAINING_OPERATIONS,
        incoming=True,
        key="user id of the payer; for a training, the machine's owner",
        types=(OPERATION, HOLD_REQUESTED, HOLD_CAPTURED, HOLD_VOIDED, CONTROL_TOTAL),
        sources=(TRAINING_SERVICE,),
    ),
    Topic(
        name=MARKETPLACE_OPERATIONS,
        incoming=True,
        key="user id of the payer",
        types=(OPERATION, PAYOUT_REQUESTED, PAYOUT_PAID, PAYOUT_FAILED, CHARGEBACK, CONTROL_TOTAL),
        sources=(MARKETPLACE_SERVICE,),
    ),
    Topic(
        name=PLATFORM_USERS,
        incoming=True,
        key="user id",
        types=(USER,),
        sources=(PLATFORM_SERVICE,),
        compacted=True,
        tombstone="the user was deleted; the copy is deleted if all accounts are empty, else made inactive",
    ),
    Topic(
        name=PLATFORM_MACHINES,
        incoming=True,
        key="machine id",
        types=(MACHINE,),
        sources=(PLATFORM_SERVICE,),
        compacted=True,
        tombstone="the machine was deleted; recorded operations keep its number",
    ),
    Topic(
        name=TRAINING_WORKS,
        incoming=True,
        key="work id",
        types=(WORK,),
        sources=(TRAINING_SERVICE,),
        tombstone="the work was deleted; its hold is captured by its operation, or expires",
    ),
    Topic(
        name=BILLING_OPERATIONS,
        incoming=False,
        key="user id of the payer",
        types=(
            BILLING_OPERATION_RECORDED,
            BILLING_OPERATION_REJECTED,
            BILLING_OPERATION_REVERSED,
            BILLING_HOLD_PLACED,
            BILLING_HOLD_REFUSED,
            BILLING_HOLD_CAPTURED,
            BILLING_HOLD_VOIDED,
            BILLING_HOLD_EXPIRED,
            BILLING_PAYOUT_REQUESTED,
            BILLING_PAYOUT_PAID,
            BILLING_PAYOUT_FAILED,
            BILLING_CONTROL_TOTAL,
        ),
        sources=(BILLING_SERVICE,),
    ),
    Topic(
        name=BILLING_BALANCES,
        incoming=False,
        key="user id",
        types=(BILLING_BALANCE,),
        sources=(BILLING_SERVICE,),
        compacted=True,
    ),
    Topic(
        name=BILLING_DEAD_LETTERS,
        incoming=False,
        key="the original key of the message",
        types=(),
        sources=(),
    ),
)

TOPICS: Mapping[str, Topic] = {topic.name: topic for topic in _ALL_TOPICS}

# The topic of each kind of operation.
TOPIC_OF_KIND: dict[str, str] = {
    "training": TRAINING_OPERATIONS,
    "solving": TRAINING_OPERATIONS,
    "solving_with_api": TRAINING_OPERATIONS,
    "solving_with_api_market": MARKETPLACE_OPERATIONS,
    "buy_data_source": MARKETPLACE_OPERATIONS,
    "machine_copy": MARKETPLACE_OPERATIONS,
    "machine_copy_update": MARKETPLACE_OPERATIONS,
    "credit_from_user": MARKETPLACE_OPERATIONS,
    "pay_a_bill": MARKETPLACE_OPERATIONS,
}

_INCOMING_TYPES = frozenset(
    event_type for topic in _ALL_TOPICS if topic.incoming for event_type in topic.types
)


def is_incoming(event_type: str) -> bool:
    """Return whether the ledger reads this type; it publishes all others."""
    return event_type in _INCOMING_TYPES
