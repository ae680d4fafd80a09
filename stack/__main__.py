"""The commands `python -m stack run` and `python -m stack kafka`."""

import argparse
import os
import sys

from stack.run import run
from stack.run_kafka import fetch_kafka, run_kafka


def main() -> int:
    """Return the exit status: 0 after a clean stop, 2 if the stack could not start."""
    parser = argparse.ArgumentParser(prog="python -m stack", description="Start and stop the servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start PostgreSQL, a broker, the web server and the workers")
    kafka = commands.add_parser("kafka", help="start only Apache Kafka, downloaded with Maven")
    kafka.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="number of brokers (1)")
    kafka.add_argument("--fetch", action="store_true", help="only download it")
    options = parser.parse_args()
    if options.command == "run":
        return run(os.environ)
    return fetch_kafka() if options.fetch else run_kafka(os.environ, brokers=options.brokers)


if __name__ == "__main__":
    sys.exit(main())
