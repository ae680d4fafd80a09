"""Which partitions hold something that cannot even be taken apart: a broken batch, an unknown compression."""

from collections.abc import Mapping
from typing import Final

from kafka import TopicPartition
from kafka.errors import KafkaError

from events.kafka.clients import make_reader
from events.kafka.errors import Partition

_POLL_MS: Final = 3_000


def unreadable_partitions(starts: Mapping[Partition, int]) -> dict[Partition, str]:
    """Try each partition from its offset on, with a reader of its own; the reasons of those that fail.

    A consumer does not say which partition it choked on, and never recovers from it.
    """
    found = {}
    for partition, offset in starts.items():
        reader = make_reader(client="ingest-probe")
        tp = TopicPartition(*partition)
        try:
            reader.assign([tp])
            reader.seek(tp, offset)
            reader.poll(timeout_ms=_POLL_MS, max_records=1)
        except KafkaError as error:
            if not error.retriable or type(error).__name__ == "CorruptRecordError":
                found[partition] = str(error)
        except Exception as error:  # noqa: BLE001 - each codec raises an error of its own; it is told
            found[partition] = f"{type(error).__name__}: {error}"
        finally:
            reader.close()
    return found
