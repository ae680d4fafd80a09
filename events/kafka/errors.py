"""Errors between Kafka and the log, besides those of Kafka and the database."""

from collections.abc import Sequence
from typing import TypeAlias

from kafka.errors import KafkaError

Partition: TypeAlias = tuple[str, int]
"""A topic name and a partition number."""


class LostPartition(Exception):
    """Another worker has moved the position of a partition. Nothing was posted.

    `partitions` must be read again from their positions in the database.
    """

    def __init__(self, partitions: Sequence[Partition]) -> None:
        super().__init__(", ".join(f"{topic}[{number}]" for topic, number in partitions))
        self.partitions = partitions


__all__ = ["KafkaError", "LostPartition", "Partition"]
