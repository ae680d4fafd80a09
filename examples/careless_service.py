"""A program written without the client library, and without reading the contract to its end.

    python -m examples.careless_service LETTERS --bootstrap-servers HOST:PORT

`LETTERS` is a file with a Kafka message a line, byte for byte. Some are as good as anybody's, in CloudEvents'
structured mode; the others are what a ledger has to live with.
"""

import argparse
import base64
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from kafka import KafkaProducer

from examples.shift import read_lines


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message: the headers' values and the value itself in base64."""

    topic: str
    key: str
    headers: list[tuple[str, str]]
    value: str | None = None


def main() -> None:
    """Sends the messages of a file, whatever they are."""
    parser = argparse.ArgumentParser(description="Send messages to the ledger, whatever they are.")
    parser.add_argument("letters", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    sent = send(read_lines(arguments.letters, Letter), arguments.bootstrap_servers)
    print(f"careless service: {sent} messages sent, and no answer awaited")


def send(letters: Iterable[Letter], bootstrap_servers: str) -> int:
    """How many were sent. Raises `KafkaError`."""
    producer = KafkaProducer(bootstrap_servers=bootstrap_servers, acks="all")
    try:
        futures = [
            producer.send(
                letter.topic,
                key=letter.key.encode(),
                value=None if letter.value is None else base64.b64decode(letter.value),
                headers=[(name, base64.b64decode(value)) for name, value in letter.headers],
            )
            for letter in letters
        ]
        for future in futures:
            future.get(timeout=30)
    finally:
        producer.close()
    return len(futures)


if __name__ == "__main__":
    main()
