"""`make demo`, or `python -m examples.demo`: see the ledger at work, and know that every number is right."""

import argparse
import signal
import sys
import time
from types import FrameType
from typing import Final, NoReturn

from examples.catalogue import read_catalogue
from examples.demo.errors import DemoFailed
from examples.demo.plan import make_plan
from examples.demo.report import closing_line, differences, tables
from examples.demo.running import Demo
from stack import Stack, StackError

_DIFFERENCES_SHOWN: Final = 20


def main() -> int:
    """The exit status: 0 only if every number is what was expected, 130 where it was interrupted."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=20, help="of the load (default: %(default)s)")
    parser.add_argument("--operations", type=int, default=3000, help="about how many (default: %(default)s)")
    parser.add_argument(
        "--kafka",
        choices=("embedded", "apache"),
        default="embedded",
        help="which broker (default: %(default)s)",
    )
    parser.add_argument(
        "--waiting-seconds",
        type=float,
        default=15,
        help="how long the ledger waits for a user or machine that nobody knows (default: %(default)s)",
    )
    arguments = parser.parse_args()
    # A shell starts what it runs in the background with Ctrl-C ignored, and Python leaves it so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return _run(arguments)
    except KeyboardInterrupt:
        print("demo: interrupted; everything was stopped", file=sys.stderr)
        return 130
    except (DemoFailed, StackError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return 1


def _run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - began:5.1f} s] {line}", flush=True)

    catalogue = read_catalogue()
    plan = make_plan(catalogue, seed=arguments.seed, operations=arguments.operations)
    say(f"seed {arguments.seed}: {plan.expected.sent:,} messages are going to be sent")
    say("starting PostgreSQL and the broker in a temporary directory")
    environment = {"LEDGER_WAITING_SECONDS": str(arguments.waiting_seconds)}
    stack = Stack(kafka=arguments.kafka, durable=False, environment=environment)
    try:
        stack.open()
        say(f"  everything is in {stack.directory}")
        results = Demo(stack, catalogue, plan, say).run()
    finally:
        # A second Ctrl-C must not leave anything running.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        say("stopping everything")
        stack.close()
    wrong = differences(results, plan.expected, catalogue)
    for line in tables(results, catalogue):
        print(line)
    sys.stdout.flush()
    for line in wrong[:_DIFFERENCES_SHOWN]:
        print(f"demo: {line}", file=sys.stderr)
    if len(wrong) > _DIFFERENCES_SHOWN:
        print(f"demo: and {len(wrong) - _DIFFERENCES_SHOWN} more", file=sys.stderr)
    print(closing_line(results))
    return 1 if wrong else 0


def _interrupt(_number: int, _frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
