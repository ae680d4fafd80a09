"""A program that uses neither the client library nor all of the contract.

    python -m examples.careless_service MESSAGES --bootstrap-servers HOST:PORT

Each line of the file `MESSAGES` is a Kafka message. Some are valid, in the structured mode of CloudEvents;
the others have the mistakes that a ledger has to handle.
"""

import argparse
import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer

from examples.session import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class RawMessage:
    """A message. The values of the headers and the message's value are base64."""

    topic: str
    key: str
    headers: list[tuple[str, str]]
    value: str | None = None


def main() -> None:
    """Send the messages of a file."""
    parser = argparse.ArgumentParser(description="Send raw messages to the ledger.")
    parser.add_argument("messages", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    sent = send(read_lines(arguments.messages, RawMessage), arguments.bootstrap_servers)
    print(f"careless service: {sent} messages sent, without waiting for answers")


def send(messages: Iterable[RawMessage], bootstrap_servers: str) -> int:
    """Send the messages and return their number. Raises `KafkaError`."""
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    try:
        futures = [
            producer.send(
                message.topic,
                key=message.key.encode(),
                value=None if message.value is None else base64.b64decode(message.value),
                headers=[(name, base64.b64decode(value)) for name, value in message.headers],
            )
            for message in messages
        ]
        for future in futures:
            future.get(timeout=30)
    finally:
        producer.close()
    return len(futures)


if __name__ == "__main__":
    main()
