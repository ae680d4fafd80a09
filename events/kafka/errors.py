"""What can go wrong between Kafka and the log, other than Kafka's and the database's own errors."""

from collections.abc import Sequence
from typing import TypeAlias

from kafka.errors import KafkaError

Partition: TypeAlias = tuple[str, int]
"""The name of a topic and the number of one of its partitions."""


class LostPartition(Exception):
    """Another worker moved the position of a partition: nothing was posted.

    `partitions` are the ones that have to be read again from where the database says.
    """

    def __init__(self, partitions: Sequence[Partition]) -> None:
        super().__init__(", ".join(f"{topic}[{number}]" for topic, number in partitions))
        self.partitions = partitions


__all__ = ["KafkaError", "LostPartition", "Partition"]
