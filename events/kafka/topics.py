"""The topics: what is declared of each, making what is missing, and what a broker has instead."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from django.conf import settings
from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from easyautoml_ledger import topics as names
from events.kafka.clients import make_admin

_DAY_MS: Final = 86_400_000
_FOR_EVER: Final = -1

# How long a broker keeps what is not compacted. Operations stay as long as the ledger takes them at all;
# the log can tell everything again, but only to a topic that is made anew.
_RETENTION_MS: Final = {
    names.TRAINING_OPERATIONS: 90 * _DAY_MS,
    names.MARKETPLACE_OPERATIONS: 90 * _DAY_MS,
    names.TRAINING_WORKS: 90 * _DAY_MS,
    names.BILLING_OPERATIONS: 90 * _DAY_MS,
    names.BILLING_SEALS: _FOR_EVER,
    names.BILLING_DEAD_LETTERS: 90 * _DAY_MS,
}
_ONE_PARTITION: Final = frozenset({names.BILLING_SEALS, names.BILLING_DEAD_LETTERS})


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """What a topic has to be like."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


def declared() -> list[Declared]:
    """Every topic of the contract."""
    environment = settings.ENVIRONMENT
    replicas: int = environment.kafka_replication_factor
    return [
        Declared(
            name=topic.name,
            partitions=1 if topic.name in _ONE_PARTITION else environment.kafka_partitions,
            replicas=replicas,
            settings=_settings(topic, replicas),
        )
        for topic in names.TOPICS.values()
    ]


def create_missing(admin: KafkaAdminClient) -> list[str]:
    """Make the topics that the broker does not have; their names. Raises `KafkaError`."""
    made = []
    existing = set(admin.list_topics())
    for topic in declared():
        if topic.name in existing:
            continue
        wanted = {
            "num_partitions": topic.partitions,
            "replication_factor": topic.replicas,
            "configs": dict(topic.settings),
        }
        try:
            admin.create_topics({topic.name: wanted})
        except TopicAlreadyExistsError:
            continue
        made.append(topic.name)
    if made:
        admin.wait_for_topics(made)
    return made


def drift(admin: KafkaAdminClient) -> list[str]:
    """How the broker's topics differ from what is declared, a sentence each. Raises `KafkaError`."""
    wanted = declared()
    found = {topic["name"]: topic for topic in admin.describe_topics([topic.name for topic in wanted])}
    configured = _configured(admin, [topic.name for topic in wanted if _exists(found.get(topic.name))])
    return [line for topic in wanted for line in _differences(topic, found.get(topic.name), configured)]


class Known(NamedTuple):
    """What the broker says of a topic."""

    id: str
    partitions: int


class TopicIds:
    """Asks the broker which topics there are now. Its connection is made anew after every failure."""

    def __init__(self, *, client: str) -> None:
        self._client = client
        self._admin: KafkaAdminClient | None = None

    def ask(self, topics: Iterable[str]) -> dict[str, str]:
        """The ids by name; topics that do not exist are left out. Raises `KafkaError`."""
        return {name: topic.id for name, topic in self.describe(topics).items()}

    def describe(self, topics: Iterable[str]) -> dict[str, Known]:
        """What there is, by name; topics that do not exist are left out. Raises `KafkaError`."""
        if self._admin is None:
            self._admin = make_admin(client=self._client)
        try:
            found = self._admin.describe_topics(sorted(topics))
        except KafkaError:
            self.close()
            raise
        return {
            topic["name"]: Known(str(topic["topic_id"]), len(topic["partitions"]))
            for topic in found
            if _exists(topic)
        }

    def close(self) -> None:
        """Ends the connection; the next question makes another one."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _settings(topic: names.Topic, replicas: int) -> dict[str, str]:
    values = {
        "cleanup.policy": "compact" if topic.compacted else "delete",
        "min.insync.replicas": str(max(1, min(2, replicas - 1))),
    }
    if not topic.compacted:
        values["retention.ms"] = str(_RETENTION_MS[topic.name])
    if topic.incoming:
        # Publishers choose their compression; the broker makes it one that the ledger can always read.
        values["compression.type"] = "zstd"
    return values


def _differences(
    topic: Declared, found: Mapping[str, Any] | None, configured: Mapping[str, Mapping[str, str]]
) -> Iterator[str]:
    if found is None or not _exists(found):
        yield f"{topic.name} does not exist"
        return
    partitions = found["partitions"]
    if len(partitions) != topic.partitions:
        yield f"{topic.name} has {len(partitions)} partitions, and {topic.partitions} are declared"
    replicas = {len(partition["replica_nodes"]) for partition in partitions}
    if replicas and replicas != {topic.replicas}:
        shown = " and ".join(map(str, sorted(replicas)))
        yield f"{topic.name} has {shown} replicas, and {topic.replicas} are declared"
    told = configured.get(topic.name, {})
    for name, value in topic.settings.items():
        if name in told and told[name] != value:
            yield f"{topic.name} has {name}={told[name]}, and {value} is declared"


def _exists(topic: Mapping[str, Any] | None) -> bool:
    return topic is not None and topic["error_code"] == 0 and topic["topic_id"] is not None


def _configured(admin: KafkaAdminClient, topics: list[str]) -> dict[str, dict[str, str]]:
    """The settings by topic; empty where the broker does not tell them, as the embedded one."""
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    told: Mapping[str, Any] = admin.describe_configs(resources, config_filter="all")
    return {
        topic: {name: str(setting["value"]) for name, setting in found.items()}
        for topic, found in told.get("topic", {}).items()
    }
