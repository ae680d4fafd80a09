"""The commands `python -m stack run`, `stop`, `status`, `logs` and `kafka`."""

import argparse
import os
import sys

from stack.control import logs, status, stop
from stack.run import run
from stack.run_kafka import fetch_kafka, run_kafka


def main() -> int:
    """Return the exit status: 0 after success or a clean stop, 2 if the stack could not start."""
    parser = argparse.ArgumentParser(prog="python -m stack", description="Start and stop the servers.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="start PostgreSQL, a broker, the web server and the workers")
    commands.add_parser("stop", help="stop the ledger that `run` has started, and wait for its end")
    commands.add_parser("status", help="show whether it runs, with its processes and addresses")
    shown = commands.add_parser("logs", help="show the ends of its logs")
    shown.add_argument("--lines", type=int, default=20, help="number of lines of each log (20)")
    shown.add_argument("--follow", action="store_true", help="go on with what is added")
    kafka = commands.add_parser("kafka", help="start only Apache Kafka, downloaded with Maven")
    kafka.add_argument("--brokers", type=int, choices=(1, 3), default=1, help="number of brokers (1)")
    kafka.add_argument("--fetch", action="store_true", help="only download it")
    options = parser.parse_args()
    if options.command == "run":
        return run(os.environ)
    if options.command == "stop":
        return stop(os.environ)
    if options.command == "status":
        return status(os.environ)
    if options.command == "logs":
        return logs(os.environ, lines=options.lines, follow=options.follow)
    return fetch_kafka() if options.fetch else run_kafka(os.environ, brokers=options.brokers)


if __name__ == "__main__":
    sys.exit(main())
