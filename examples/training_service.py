"""A training service, as its team would write it: it trains and solves, and tells the ledger.

    python -m examples.training_service RUNS --bootstrap-servers HOST:PORT

`RUNS` is a file with a run a line: what was computed, for whom, and who pays. Customers who have prepaid
are served as soon as the ledger tells of their tokens; the others may owe. For some runs the service has
the money set aside first, and does not start where it is refused. It knows the ledger by what is on
Kafka, and by nothing else.
"""

import argparse
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from easyautoml_ledger import Solving, SolvingWithApi, Training
from easyautoml_ledger.holds import HoldRequested, HoldVoided
from easyautoml_ledger.listeners import BalanceListener, OutcomeListener
from easyautoml_ledger.outcomes import HoldRefused
from easyautoml_ledger.publication import Payload, Publication
from easyautoml_ledger.publisher import Publisher
from easyautoml_ledger.topics import TRAINING_SERVICE
from examples.shift import Shift, read_lines

SHIFT_SECONDS: Final = 60.0
HOLD_TIME: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One training or solving that has been done. `payer` is the machine's owner for a training."""

    id: str
    kind: str
    user: int
    machine: int
    payer: int
    lines: int
    finished_at: str | None = None
    """None: when it is told of."""
    epochs: int | None = None
    prepaid: bool = True
    unsure: bool = False
    """Its acknowledgement was lost: it is sent again at the end of the shift."""
    hold: str | None = None
    """The id (a UUID) under which the money is set aside first."""
    estimate: int = 0
    """How many lines it is set aside for."""
    fails: bool = False
    """The server will not start: nothing is computed, and the hold is given back."""


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
        service = _Service(shift)
        service.tell_of(run for run in runs if not run.prepaid)
        prepaid = [run for run in runs if run.prepaid]
        wait_for_tokens({run.payer for run in prepaid}, balances)
        service.set_aside_for(run for run in prepaid if run.hold)
        service.tell_of(run for run in prepaid if not run.hold)
        service.work_on_what_was_set_aside()
        shift.make_sure()
        shift.send_again(service.unsure)
        return shift.close()


class _Service:
    """Tells the ledger of runs, and asks it first where a run has a hold."""

    def __init__(self, shift: Shift) -> None:
        self._shift = shift
        self._asked: dict[str, Run] = {}
        self.unsure: list[Publication] = []

    def tell_of(self, runs: Iterable[Run]) -> None:
        """Publishes what was computed."""
        for run in runs:
            self._publish(run, operation_of(run), run.id)

    def set_aside_for(self, runs: Iterable[Run]) -> None:
        """Asks for what the runs may cost."""
        for run in runs:
            request = HoldRequested.model_validate(
                {
                    "hold": run.hold,
                    "operation_user": run.user,
                    "kind": run.kind,
                    "machine": run.machine,
                    "count_of_lines": run.estimate,
                    "count_of_training_epoch": run.epochs,
                    "expires_at": datetime.now(UTC) + HOLD_TIME,
                }
            )
            publication = self._publish(run, request, f"{run.id}-hold")
            self._asked[publication.id] = run

    def work_on_what_was_set_aside(self) -> None:
        """Does each run as soon as its hold is placed. Raises `TimeoutError`."""
        while self._asked:
            for outcome in self._shift.hear():
                run = self._asked.pop(outcome.request_id, None)
                if run is None or isinstance(outcome, HoldRefused):
                    continue
                if run.fails:
                    void = HoldVoided(hold=UUID(run.hold), reason="the server did not start")
                    self._publish(run, void, f"{run.id}-void")
                else:
                    self.tell_of([run])

    def _publish(self, run: Run, payload: Payload, message_id: str) -> Publication:
        publication = self._shift.publisher.publish(payload, key=run.payer, id=message_id)
        self._shift.published(publication)
        if run.unsure:
            self.unsure.append(publication)
        return publication


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
    at = datetime.fromisoformat(run.finished_at) if run.finished_at else None
    hold = UUID(run.hold) if run.hold else None
    match run.kind:
        case "training":
            return Training(
                operation_user=run.user,
                machine=run.machine,
                count_of_lines=run.lines,
                count_of_training_epoch=run.epochs,
                occurred_at=at,
                hold=hold,
            )
        case "solving":
            return Solving(
                operation_user=run.user,
                machine=run.machine,
                count_of_lines=run.lines,
                occurred_at=at,
                hold=hold,
            )
        case "solving_with_api":
            return SolvingWithApi(
                operation_user=run.user,
                machine=run.machine,
                count_of_lines=run.lines,
                occurred_at=at,
                hold=hold,
            )
        case _:
            raise ValueError(f"{run.kind} is not what this service does")


def _has_tokens(payer: int, balances: BalanceListener) -> bool:
    latest = balances.get(payer)
    return latest is not None and latest.eaml.available > 0


if __name__ == "__main__":
    main()
