"""Finds partitions with data that cannot be parsed: a broken batch, an unknown compression."""

from collections.abc import Mapping
from typing import Final

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import CorruptRecordError, KafkaError, UnsupportedCodecError

from events.kafka.clients import make_reader
from events.kafka.errors import Partition

CONTENT_ERRORS: Final = (CorruptRecordError, UnsupportedCodecError)
"""Errors that kafka-python raises for a batch; codecs raise others."""

_POLL_MS: Final = 600


def unreadable_partitions(starts: Mapping[Partition, int]) -> dict[Partition, str]:
    """Try to read each partition from its offset, and return the reasons for those that cannot be read.

    A consumer does not say which partition it failed on, and never recovers. A partition that does not answer
    in time counts as readable: the next consumer will meet the same message, and this runs again.
    """
    found = {}
    reader: KafkaConsumer | None = None
    for partition, offset in starts.items():
        reader = reader or make_reader(client="ingest-probe")
        reason = _read_error(reader, TopicPartition(*partition), offset)
        if reason is not None:
            found[partition] = reason
            reader.close()
            reader = None
    if reader is not None:
        reader.close()
    return found


def _read_error(reader: KafkaConsumer, partition: TopicPartition, offset: int) -> str | None:
    """Return the reason why a partition cannot be read from an offset; None if it can."""
    try:
        reader.assign([partition])
        reader.seek(partition, offset)
        reader.poll(timeout_ms=_POLL_MS, max_records=1)
    except CONTENT_ERRORS as error:
        return str(error)
    except KafkaError:
        return None
    except Exception as error:  # noqa: BLE001 - each codec raises its own error, which is reported
        return f"{type(error).__name__}: {error}"
    return None
