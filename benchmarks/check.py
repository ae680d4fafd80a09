"""`python -m benchmarks.check OTHER`: whether this checkout is slower than another one.

Both are measured in turns on this machine, each by its own `python -m benchmarks`. The exit status is 1 if a
case is slower than the limit allows, and 2 if it could not be measured.
"""

import argparse
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from benchmarks.checkout import CASES, Checkout, CheckoutError, Size
from benchmarks.comparison import Turn, compare, not_compared, table

HERE: Final = Checkout(path=Path(__file__).resolve().parent.parent)
_RUNS: Final = ("this", "other", "other again")


def take_turns(this: Checkout, other: Checkout, *, pairs: int, size: Size) -> list[Turn]:
    """Run this checkout, the other, and the other again, so many times; tell the progress on stderr."""
    turns = []
    began = time.monotonic()
    for number in range(pairs):
        rates = []
        for place, (name, checkout) in enumerate(zip(_RUNS, (this, other, other), strict=True)):
            done = number * len(_RUNS) + place
            left = (time.monotonic() - began) / done * (pairs * len(_RUNS) - done) if done else None
            _tell(
                f"pair {number + 1} of {pairs}, {name} ({checkout.path})"
                + ("" if left is None else f", about {left / 60:.0f} min left")
            )
            rates.append(checkout.measure(size, _tell_row))
        turns.append(Turn(this=rates[0], other=rates[1], again=rates[2]))
    return turns


def judge(turns: Sequence[Turn], *, limit: float) -> int:
    """Print the table; name each row that is slower than the limit allows; return the exit status."""
    rows = compare(turns)
    if not rows:
        _tell("the two checkouts have measured no case of the same name.")
        return 2
    print("\n".join(table(rows)), flush=True)
    for name in not_compared(turns):
        _tell(f"not compared, because not every run measured it: {name}")
    slower = [row for row in rows if row.is_slower(limit)]
    for row in slower:
        _tell(row.explain(limit))
    return 1 if slower else 0


def main(arguments: Sequence[str] | None = None, *, this: Checkout = HERE) -> int:
    options = _parser().parse_args(arguments)
    try:
        other = _named(options.other)
        for checkout in (this, other):
            checkout.check()
        size = Size(rounds=options.rounds, scale=options.scale, cases=options.only)
        turns = take_turns(this, other, pairs=options.pairs, size=size)
    except CheckoutError as error:
        _tell(str(error))
        return 2
    except KeyboardInterrupt:
        _tell("interrupted.")
        return 130
    return judge(turns, limit=options.limit)


def _named(folder: str) -> Checkout:
    if not folder:
        raise CheckoutError("name the other checkout: make bench-check OTHER=../path")
    return Checkout(path=Path(folder).expanduser().resolve())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.check", description=__doc__)
    parser.add_argument(
        "other", metavar="OTHER", help="the folder of the other checkout, with a .venv of its own"
    )
    parser.add_argument(
        "--pairs", type=_above_zero(int), default=5, help="how often both are run (default: 5)"
    )
    parser.add_argument(
        "--limit",
        type=_above_zero(float),
        default=0.97,
        help="the least median of this / other (default: 0.97)",
    )
    parser.add_argument("--only", nargs="+", choices=CASES, default=list(CASES), help="cases (default: all)")
    parser.add_argument(
        "--rounds", type=_above_zero(int), default=1, help="of each case within a run (default: 1)"
    )
    parser.add_argument("--scale", type=_above_zero(float), default=0.3, help="of every load (default: 0.3)")
    return parser


def _above_zero(kind: type[int] | type[float]) -> Callable[[str], float]:
    def number(text: str) -> float:
        value = kind(text)
        if not value > 0:
            raise argparse.ArgumentTypeError(f"{text} is not above zero")
        return value

    return number


def _tell_row(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _tell(text: str) -> None:
    print(f"bench-check: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    for ending in (signal.SIGINT, signal.SIGTERM):  # also where it was started with Ctrl-C ignored
        signal.signal(ending, signal.default_int_handler)
    sys.exit(main())
