"""A training service, as its team would write it: it trains and solves, and tells the ledger.

    python -m examples.training_service RUNS --bootstrap-servers HOST:PORT

`RUNS` is a file with a run a line: what was computed, for whom, and who pays. Customers who have prepaid
are served as soon as the ledger tells of their tokens; the others may owe. The service knows the ledger
by what is on Kafka, and by nothing else.
"""

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from easyautoml_ledger import Solving, SolvingWithApi, Training
from easyautoml_ledger.listeners import BalanceListener, OutcomeListener
from easyautoml_ledger.publication import Publication
from easyautoml_ledger.publisher import Publisher
from easyautoml_ledger.topics import TRAINING_SERVICE
from examples.shift import Shift, read_lines

SHIFT_SECONDS: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training or solving that has been done. `payer` is the machine's owner for a training."""

    id: str
    kind: str
    user: int
    machine: int
    payer: int
    lines: int
    finished_at: str
    epochs: int | None = None
    prepaid: bool = True
    unsure: bool = False
    """Its acknowledgement was lost: it is sent again at the end of the shift."""


def main() -> None:
    """Works through the runs of a file."""
    parser = argparse.ArgumentParser(description="Publish training and solving runs to the ledger.")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    print("training service:", work(list(read_lines(arguments.runs, Run)), arguments.bootstrap_servers))


def work(runs: list[Run], bootstrap_servers: str) -> str:
    """Publishes every run and waits for the answers; one line on what became of them."""
    with (
        BalanceListener(bootstrap_servers=bootstrap_servers) as balances,
        OutcomeListener(bootstrap_servers=bootstrap_servers, source=TRAINING_SERVICE) as outcomes,
        Publisher(bootstrap_servers=bootstrap_servers, source=TRAINING_SERVICE) as publisher,
    ):
        shift = Shift(publisher, outcomes, seconds=SHIFT_SECONDS)
        publications = [_publish(run, shift) for run in runs if not run.prepaid]
        prepaid = [run for run in runs if run.prepaid]
        wait_for_tokens({run.payer for run in prepaid}, balances)
        publications += [_publish(run, shift) for run in prepaid]
        shift.make_sure()
        unsure = {run.id for run in runs if run.unsure}
        shift.send_again([it for it in publications if it.id in unsure])
        return shift.close()


def wait_for_tokens(payers: Iterable[int], balances: BalanceListener, *, seconds: float = 30) -> None:
    """Until the ledger has told of tokens of each of them. Raises `TimeoutError`."""
    missing = set(payers)
    deadline = time.monotonic() + seconds
    while missing := {payer for payer in missing if not _has_tokens(payer, balances)}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no tokens of {len(missing)} payers in {seconds:g} s: {sorted(missing)[:5]}")
        balances.poll()


def operation_of(run: Run) -> Training | Solving | SolvingWithApi:
    """What the ledger is told of a run."""
    at = datetime.fromisoformat(run.finished_at)
    match run.kind:
        case "training":
            return Training(
                operation_user=run.user,
                machine=run.machine,
                count_of_lines=run.lines,
                count_of_training_epoch=run.epochs,
                occurred_at=at,
            )
        case "solving":
            return Solving(
                operation_user=run.user, machine=run.machine, count_of_lines=run.lines, occurred_at=at
            )
        case "solving_with_api":
            return SolvingWithApi(
                operation_user=run.user, machine=run.machine, count_of_lines=run.lines, occurred_at=at
            )
        case _:
            raise ValueError(f"{run.kind} is not what this service does")


def _publish(run: Run, shift: Shift) -> Publication:
    publication = shift.publisher.publish(operation_of(run), key=run.payer, id=run.id)
    shift.published(publication)
    return publication


def _has_tokens(payer: int, balances: BalanceListener) -> bool:
    latest = balances.get(payer)
    return latest is not None and latest.eaml.available > 0


if __name__ == "__main__":
    main()
