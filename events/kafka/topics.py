"""Creates missing topics, compares existing ones with their declarations, and looks up topic ids."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import KafkaError, TopicAlreadyExistsError

from events.kafka.clients import make_admin


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTopic:
    """The required properties of a topic; `settings` are Kafka's topic configuration."""

    name: str
    partitions: int
    replicas: int
    settings: Mapping[str, str]


def create_missing(admin: KafkaAdminClient, declared: Iterable[DeclaredTopic]) -> list[str]:
    """Create the topics that the broker lacks, and return their names. Raises `KafkaError`."""
    made = []
    existing = set(admin.list_topics())
    for topic in declared:
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


def drift(admin: KafkaAdminClient, declared: Sequence[DeclaredTopic]) -> list[str]:
    """Return a sentence for each difference between the broker's topics and their declarations.

    Raises `KafkaError`.
    """
    found = {topic["name"]: topic for topic in admin.describe_topics([topic.name for topic in declared])}
    configured = _configured(admin, [topic.name for topic in declared if _exists(found.get(topic.name))])
    return [line for topic in declared for line in _differences(topic, found.get(topic.name), configured)]


class FoundTopic(NamedTuple):
    """A topic of the broker."""

    id: str
    partitions: int


class TopicIds:
    """Asks the broker for the ids of topics. Reconnects after every failure."""

    def __init__(self, *, client: str) -> None:
        self._client = client
        self._admin: KafkaAdminClient | None = None

    def look_up(self, topics: Iterable[str]) -> dict[str, str]:
        """Return ids by name; topics that do not exist are left out. Raises `KafkaError`."""
        return {name: topic.id for name, topic in self.describe(topics).items()}

    def describe(self, topics: Iterable[str]) -> dict[str, FoundTopic]:
        """Return topics by name; topics that do not exist are left out. Raises `KafkaError`."""
        if self._admin is None:
            self._admin = make_admin(client=self._client)
        try:
            found = self._admin.describe_topics(sorted(topics))
        except KafkaError:
            self.close()
            raise
        return {
            topic["name"]: FoundTopic(str(topic["topic_id"]), len(topic["partitions"]))
            for topic in found
            if _exists(topic)
        }

    def close(self) -> None:
        """Close the connection; the next call opens another one."""
        if self._admin is not None:
            self._admin.close()
            self._admin = None


def _differences(
    topic: DeclaredTopic, found: Mapping[str, Any] | None, configured: Mapping[str, Mapping[str, str]]
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
    actual = configured.get(topic.name, {})
    for name, value in topic.settings.items():
        if name in actual and actual[name] != value:
            yield f"{topic.name} has {name}={actual[name]}, and {value} is declared"


def _exists(topic: Mapping[str, Any] | None) -> bool:
    return topic is not None and topic["error_code"] == 0 and topic["topic_id"] is not None


def _configured(admin: KafkaAdminClient, topics: list[str]) -> dict[str, dict[str, str]]:
    """Return settings by topic; empty if the broker does not report them, like the embedded one."""
    if not topics:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic) for topic in topics]
    described: Mapping[str, Any] = admin.describe_configs(resources, config_filter="all")
    return {
        topic: {name: str(setting["value"]) for name, setting in found.items()}
        for topic, found in described.get("topic", {}).items()
    }
