"""A training service that trains and solves, and publishes all of it to the ledger.

    python -m examples.training_service RUNS --bootstrap-servers HOST:PORT

Each line of the file `RUNS` is a run, with its user and payer. Runs of prepaid users start when their
tokens have arrived; the other payers may owe. For some runs the service requests a hold first, and does
not start if it is refused. It uses only Kafka.
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
from examples.session import Session, read_lines

SESSION_SECONDS: Final = 600.0
HOLD_TIME: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A training or solving. The `payer` of a training is the machine's owner."""

    id: str
    kind: str
    user: int
    machine: int
    payer: int
    lines: int
    finished_at: str | None = None
    """The default is the time of publishing."""
    epochs: int | None = None
    prepaid: bool = True
    sent_twice: bool = False
    """Its acknowledgement was lost, so it is sent again at the end."""
    hold: str | None = None
    """The id (a UUID) of the hold that is requested first."""
    estimate: int = 0
    """The number of lines in the request for the hold."""
    fails: bool = False
    """The server does not start: nothing is computed, and the hold is voided."""


def main() -> None:
    """Publish the runs of a file."""
    parser = argparse.ArgumentParser(description="Publish training and solving runs to the ledger.")
    parser.add_argument("runs", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    print("training service:", work(list(read_lines(arguments.runs, Run)), arguments.bootstrap_servers))


def work(runs: list[Run], bootstrap_servers: str) -> str:
    """Publish every run, wait for the outcomes, and return a line with the numbers of both."""
    with (
        BalanceListener(bootstrap_servers=bootstrap_servers) as balances,
        OutcomeListener(bootstrap_servers=bootstrap_servers, source=TRAINING_SERVICE) as outcomes,
        Publisher(bootstrap_servers=bootstrap_servers, source=TRAINING_SERVICE) as publisher,
    ):
        session = Session(publisher, outcomes, seconds=SESSION_SECONDS)
        service = _Service(session)
        service.publish(run for run in runs if not run.prepaid)
        prepaid = [run for run in runs if run.prepaid]
        wait_for_tokens({run.payer for run in prepaid}, balances)
        service.request_holds(run for run in prepaid if run.hold)
        service.publish(run for run in prepaid if not run.hold)
        service.run_placed_holds()
        session.flush()
        session.send_again(service.sent_twice)
        return session.close()


class _Service:
    """Publishes runs, and requests their holds first."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._requested: dict[str, Run] = {}
        self.sent_twice: list[Publication] = []

    def publish(self, runs: Iterable[Run]) -> None:
        """Publish the operations of runs."""
        for run in runs:
            self._publish(run, operation_of(run), run.id)

    def request_holds(self, runs: Iterable[Run]) -> None:
        """Request a hold for each run."""
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
            self._requested[publication.id] = run

    def run_placed_holds(self) -> None:
        """Publish each run when its hold is placed. Raises `TimeoutError`."""
        while self._requested:
            for outcome in self._session.poll():
                run = self._requested.pop(outcome.request_id, None)
                if run is None or isinstance(outcome, HoldRefused):
                    continue
                if run.fails:
                    void = HoldVoided(hold=UUID(run.hold), reason="the server did not start")
                    self._publish(run, void, f"{run.id}-void")
                else:
                    self.publish([run])

    def _publish(self, run: Run, payload: Payload, message_id: str) -> Publication:
        publication = self._session.publisher.publish(payload, key=run.payer, id=message_id)
        self._session.published(publication)
        if run.sent_twice:
            self.sent_twice.append(publication)
        return publication


def wait_for_tokens(payers: Iterable[int], balances: BalanceListener, *, seconds: float = 30) -> None:
    """Wait until every payer has tokens. Raises `TimeoutError`."""
    missing = set(payers)
    deadline = time.monotonic() + seconds
    while missing := {payer for payer in missing if not _has_tokens(payer, balances)}:
        if time.monotonic() > deadline:
            raise TimeoutError(f"no tokens of {len(missing)} payers in {seconds:g} s: {sorted(missing)[:5]}")
        balances.poll()


def operation_of(run: Run) -> Training | Solving | SolvingWithApi:
    """Return the operation that is published for a run."""
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
            raise ValueError(f"this service has no runs of kind {run.kind}")


def _has_tokens(payer: int, balances: BalanceListener) -> bool:
    latest = balances.get(payer)
    return latest is not None and latest.eaml.available > 0


if __name__ == "__main__":
    main()
