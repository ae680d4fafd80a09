"""Declares the topics of the contract with their partitions, retention and compaction."""

from typing import Final

from django.conf import settings

from easyautoml_ledger.topics import BILLING_DEAD_LETTERS, TOPICS, Topic
from events.kafka.topics import DeclaredTopic

# Topics that are not compacted keep messages as long as the ledger accepts operations at all. The log can
# be published again, but only to a topic that was deleted and created again.
_RETENTION_MS: Final = 90 * 86_400_000


def declared_topics() -> list[DeclaredTopic]:
    """Return the declaration of every topic."""
    environment = settings.ENVIRONMENT
    replicas: int = environment.kafka_replication_factor
    return [
        DeclaredTopic(
            name=topic.name,
            partitions=1 if topic.name == BILLING_DEAD_LETTERS else environment.kafka_partitions,
            replicas=replicas,
            settings=_settings(topic, replicas),
        )
        for topic in TOPICS.values()
    ]


def _settings(topic: Topic, replicas: int) -> dict[str, str]:
    values = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "min.insync.replicas": str(max(1, min(2, replicas - 1))),
    }
    if not topic.compacted:
        values["retention.ms"] = str(_RETENTION_MS)
    if topic.incoming:
        # Publishers choose their compression; the broker converts it to the one that every reader knows.
        values["compression.type"] = "gzip"
    return values
