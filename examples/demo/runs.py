"""Plans the runs of the training service, with their payers and expected outcomes."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Final
from uuid import UUID

from easyautoml_ledger.reference import Machine
from examples.demo import accounts
from examples.demo.expectation import HOLD, World
from examples.training_service import Run

_KINDS: Final = ("training", "training", "solving", "solving", "solving", "solving_with_api")
_SENT_TWICE_SHARE: Final = 0.04
_UNAFFORDABLE_LINES: Final = 2_000_000_000


class RunPlanner:
    """Creates random runs, and adds their costs to the expected accounts."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._random = world.random
        self._joining = {machine.id for machine in world.catalogue.machines_joining_later}

    def ordinary(self, count: int) -> list[Run]:
        """Return runs that are recorded, some of them sent twice."""
        return [self._ordinary() for _ in range(count)]

    def above_the_credit_limit(self, count: int) -> list[Run]:
        """Return runs that exceed the credit limit of their payers."""
        runs = []
        for number in range(count):
            kind = ("training", "solving", "solving_with_api")[number % 3]
            machine = self._random.choice(self._world.machines)
            runs.append(self._run(kind, machine, self._world.owing[0], lines=_UNAFFORDABLE_LINES))
            self._world.expected.rejected(kind, "credit_limit_exceeded")
        return runs

    def before_they_join(self) -> list[Run]:
        """Return runs of users and on machines that the ledger does not know yet."""
        catalogue, expected = self._world.catalogue, self._world.expected
        newcomer = catalogue.users_joining_later[-1].id
        known, joining = self._world.machines[0], catalogue.machines_joining_later
        runs = [
            self._run("solving", known, newcomer, lines=4_000, prepaid=False),
            *(self._run("training", it, it.machine_owner_user, lines=2_500, prepaid=False) for it in joining),
            self._run("solving_with_api", joining[0], self._world.owing[1], lines=900, sent_twice=True),
        ]
        for run in runs:
            user_is_unknown = run.user == newcomer
            expected.waiting[f"user:{run.user}" if user_is_unknown else f"machine:{run.machine}"] += 1
            self._record(run)
        expected.waiting[f"machine:{runs[-1].machine}"] += 1  # sent twice, and both messages wait
        return runs

    def with_holds(self, count: int) -> list[Run]:
        """Return runs with holds: estimated too high, too low, failing, or unaffordable."""
        runs = []
        for number in range(count):
            machine = self._random.choice(self._world.machines)
            user = self._random.choice(self._world.prepaid)
            kind = "training" if machine.machine_owner_user in self._world.prepaid else "solving"
            run = replace(
                self._run(kind, machine, user, lines=self._random.randrange(500, 2_000)),
                finished_at=None,
                hold=str(UUID(int=self._random.getrandbits(128), version=4)),
                sent_twice=self._world.chance(_SENT_TWICE_SHARE),
            )
            match number % 4:
                case 0:
                    runs.append(replace(run, estimate=run.lines * 2))
                case 1:
                    runs.append(replace(run, estimate=run.lines // 2))
                case 2:
                    runs.append(replace(run, estimate=run.lines, fails=True))
                case _:
                    runs.append(replace(run, estimate=_UNAFFORDABLE_LINES))
            self._record_hold(runs[-1])
        return runs

    def on_credit(self) -> Run:
        """Return a run of a user without tokens, who owes its price afterwards."""
        run = self._run("solving", self._world.machines[0], self._world.owing[3], lines=20_000)
        self._record(run)
        return run

    def shuffled(self, runs: Iterable[Run]) -> list[Run]:
        """Return the runs in the order of publishing, which differs from the order of their times."""
        shuffled = list(runs)
        self._random.shuffle(shuffled)
        return shuffled

    def cost(self, run: Run) -> Decimal:
        """Return the price of a run in EAML."""
        match run.kind:
            case "training":
                return accounts.TRAINING_CELL * self._columns(run.machine) * run.lines
            case "solving":
                return accounts.SOLVING_LINE * run.lines
            case _:
                return accounts.SOLVING_WITH_API_LINE * run.lines

    def _ordinary(self) -> Run:
        machine = self._random.choice(self._world.machines)
        kind = self._random.choice(_KINDS)
        user = self._random.choice(self._world.prepaid + self._world.owing)
        lines = self._random.choice((250, 1_000, 4_096, 12_500, 30_000)) + self._random.randrange(250)
        run = self._run(kind, machine, user, lines=lines, sent_twice=self._world.chance(_SENT_TWICE_SHARE))
        # Payers stay well below their limits, in whatever order their runs arrive.
        limit = self._world.initial_tokens.get(run.payer, accounts.CREDIT_LIMIT) * Decimal("0.8")
        if self._world.expected.accounts.charged[run.payer] + self.cost(run) > limit:
            # The payer has used enough: this run has no lines and costs nothing.
            run = self._run(kind, machine, user, lines=0, sent_twice=run.sent_twice)
        self._record(run)
        return run

    def _run(
        self,
        kind: str,
        machine: Machine,
        user: int,
        *,
        lines: int,
        sent_twice: bool = False,
        prepaid: bool | None = None,
    ) -> Run:
        payer = machine.machine_owner_user if kind == "training" else user
        return Run(
            id=self._world.new_id("run"),
            kind=kind,
            user=user,
            machine=machine.id,
            payer=payer,
            lines=lines,
            epochs=self._random.randrange(5, 200) if kind == "training" else None,
            finished_at=self._world.some_time_ago(),
            prepaid=payer in self._world.prepaid if prepaid is None else prepaid,
            sent_twice=sent_twice,
        )

    def _record(self, run: Run) -> None:
        self._world.expected.recorded(run.kind)
        self._world.expected.accounts.charge(run.payer, self.cost(run))
        if run.sent_twice:
            self._world.expected.repeated(run.kind)

    def _record_hold(self, run: Run) -> None:
        expected = self._world.expected
        if run.sent_twice:
            expected.repeated(HOLD)
        if run.estimate == _UNAFFORDABLE_LINES:
            expected.rejected(HOLD, "insufficient_funds")
            return
        expected.recorded(HOLD)
        if not run.fails:
            self._record(run)
            return
        expected.recorded(HOLD)
        if run.sent_twice:
            expected.repeated(HOLD)

    def _columns(self, machine: int) -> int:
        known = self._world.machines + self._world.catalogue.machines_joining_later
        return next(len(it.dfr_columns_type_user_df) for it in known if it.id == machine)
