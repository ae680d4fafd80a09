"""Run the example services against a temporary ledger, and compare every number with the expected one."""

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
    """Return the exit status: 0 if every number is as expected, 130 after an interrupt, else 1."""
    parser = argparse.ArgumentParser(prog="python -m examples.demo", description=__doc__)
    parser.add_argument("--seed", type=int, default=20, help="seed of the load (default: %(default)s)")
    parser.add_argument(
        "--operations", type=int, default=3000, help="approximate number of operations (default: %(default)s)"
    )
    parser.add_argument(
        "--kafka",
        choices=("embedded", "apache"),
        default="embedded",
        help="kind of broker (default: %(default)s)",
    )
    arguments = parser.parse_args()
    # In background jobs of a shell Ctrl-C is ignored, and Python does not change that.
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
    started_at = time.monotonic()

    def say(line: str) -> None:
        print(f"[{time.monotonic() - started_at:5.1f} s] {line}", flush=True)

    catalogue = read_catalogue()
    plan = make_plan(catalogue, seed=arguments.seed, operations=arguments.operations)
    say(f"seed {arguments.seed}: {plan.expected.sent:,} messages will be sent")
    say("starting PostgreSQL and the broker in a temporary directory")
    stack = Stack(kafka=arguments.kafka, durable=False)
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
