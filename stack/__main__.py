"""`python -m stack run` and `python -m stack kafka`."""

import argparse
import os
import sys

from stack.run import run
from stack.run_kafka import fetch_kafka, run_kafka


def main() -> int:
    """The exit status: 0 after a clean stop, 2 where it could not start."""
    parser = argparse.ArgumentParser(prog="python -m stack", description="Starts and stops the servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="PostgreSQL, a broker, the web server and the workers")
    kafka = commands.add_parser("kafka", help="Apache Kafka alone, fetched with Maven")
    kafka.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="how many (1)")
    kafka.add_argument("--fetch", action="store_true", help="only fetch it, and start nothing")
    chosen = parser.parse_args()
    if chosen.command == "run":
        return run(os.environ)
    return fetch_kafka() if chosen.fetch else run_kafka(os.environ, brokers=chosen.brokers)


if __name__ == "__main__":
    sys.exit(main())
