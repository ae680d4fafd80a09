"""Runs the demo: starts the workers, runs the services, and collects the results."""

import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from easyautoml_ledger.topics import (
    BILLING_DEAD_LETTERS,
    MARKETPLACE_OPERATIONS,
    PLATFORM_SERVICE,
    TRAINING_OPERATIONS,
)
from examples.catalogue import Catalogue
from examples.demo.accounts import Balances
from examples.demo.deadline import Deadline
from examples.demo.errors import DemoFailed
from examples.demo.ledger_reader import LedgerReader, MessageStatuses, find_statuses
from examples.demo.listener import DemoListener
from examples.demo.plan import UNKNOWN_ID, Plan
from examples.demo.services import Job, Services, jobs_of
from examples.demo.topics import read_topics
from stack import Stack

# No number depends on these: a machine that needs longer is told that it is too slow.
_SHIFT_SECONDS: Final = 600.0
_END_SECONDS: Final = 600.0
_SAY_EVERY: Final = 2.0
_ADMINISTRATOR: Final = "admin@ledger.local"
"""The person whom `setup` makes."""
_WORKERS: Final = ("web", "ingest", "relay", "project")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """The results, collected after all messages were processed."""

    found: MessageStatuses
    sent: int
    published: int
    published_by_type: Counter[str]
    received: Counter[str]
    other_events: Counter[tuple[str, str]]
    balance_changes: int
    dead_letters_published: int
    balances: dict[int, Balances]
    balances_received: dict[int, Balances]
    platform: dict[str, Decimal]
    debits_minus_credits: dict[str, Decimal]
    verify: str
    """The last line of `manage.py verify`."""
    verified: bool


class Demo:
    """A demo on an open stack. Raises `DemoFailed` or `StackError` if it cannot continue."""

    def __init__(self, stack: Stack, catalogue: Catalogue, plan: Plan, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._catalogue = catalogue
        self._plan = plan
        self._say = say
        self._reported_at = time.monotonic()
        self._api_keys: dict[str, str] = {}

    def run(self) -> Results:
        """Run the whole demo and return its results."""
        self._prepare()
        with (
            LedgerReader(self._stack.environment["DATABASE_URL"]) as ledger,
            DemoListener(self._stack.bootstrap_servers) as listener,
        ):
            self._say("the morning: services start, two users and two machines are not known yet")
            jobs = jobs_of(self._plan.morning, self._stack.bootstrap_servers)
            self._work("morning", jobs, ledger, listener, joining=True)
            self._say("noon: two people use the HTTP API for everything beyond the nine kinds")
            self._work("noon", [self._http_job()], ledger, listener)
            self._say("some prices change")
            self._load("repriced")
            self._say("the evening: late operations, outdated prices, duplicates and conflicts")
            jobs = jobs_of(self._plan.evening, self._stack.bootstrap_servers)
            self._work("evening", jobs, ledger, listener)
            self._wait_until_idle(ledger, listener)
            return self._collect_results(ledger, listener)

    def _prepare(self) -> None:
        self._say("setting up the database and the topics")
        with ThreadPoolExecutor() as pool:
            # One command needs only the database, and the other only the broker.
            for command in [pool.submit(self._stack.manage, name) for name in ("setup", "topics")]:
                command.result()
        for worker in _WORKERS:
            self._stack.start(worker)
        users, machines = len(self._catalogue.users), len(self._catalogue.machines)
        self._say(f"loading a catalogue of {users} users and {machines} machines")
        with ThreadPoolExecutor() as pool:
            scopes = ("--scope", "ledger:write", "--scope", "ledger:admin")
            service = ("--source", PLATFORM_SERVICE, *scopes)
            approver = ("--user", _ADMINISTRATOR, "--scope", "ledger:approve")
            keys = {
                "API_KEY": pool.submit(self._make_key, "customer service", service),
                "SECOND_API_KEY": pool.submit(self._make_key, "controlling", approver),
            }
            self._load("start")
            self._api_keys = {name: key.result() for name, key in keys.items()}

    def _http_job(self) -> Job:
        self._stack.wait_for_web()
        return Job(
            program="customer_service",
            lines=self._plan.noon,
            arguments=("--url", self._stack.web_url),
            environment=self._api_keys,
        )

    def _make_key(self, name: str, options: Sequence[str]) -> str:
        printed = self._stack.manage("api_key", "create", "--name", name, *options)
        return printed.stdout.split()[0]

    def _work(
        self,
        name: str,
        jobs: Sequence[Job],
        ledger: LedgerReader,
        listener: DemoListener,
        *,
        joining: bool = False,
    ) -> None:
        deadline = Deadline(_SHIFT_SECONDS)
        with Services(name, jobs, self._stack.directory) as services:
            while services.running:
                self._check(listener, deadline, f"the {name} is not finished")
                for line in services.finished():
                    self._say(f"  {line}")
                if joining and self._all_are_waiting(ledger):
                    joining = False
                    count = sum(self._plan.expected.waiting.values())
                    self._say(f"  {count} messages wait for unknown users and machines, which join now")
                    self._load("joining")
        if joining:
            raise DemoFailed("no message waited for the users and machines that join")

    def _all_are_waiting(self, ledger: LedgerReader) -> bool:
        expected = self._plan.expected.waiting
        return ledger.waiting(list(expected)) >= expected.total()

    def _wait_until_idle(self, ledger: LedgerReader, listener: DemoListener) -> None:
        """Wait until all messages are read, none waits, and all events are published. Raises `DemoFailed`."""
        expected = self._plan.expected
        never_known = [f"user:{UNKNOWN_ID}", f"machine:{UNKNOWN_ID}"]
        deadline = Deadline(_END_SECONDS)
        self._say("waiting until everything is decided and published")
        while (
            ledger.consumed() < expected.sent
            or ledger.waiting()
            or listener.by_type.total() < ledger.published_by_type().total()
        ):
            # What will never come is not waited for until the hour is over.
            only_those = ledger.consumed() >= expected.sent and ledger.waiting() == ledger.waiting(
                never_known
            )
            ended = ledger.end_waiting(never_known) if only_those else 0
            if ended:
                self._say(f"  {ended} messages wait for what will never come, and are rejected")
            read = f"{ledger.consumed()} of {expected.sent} messages read, {ledger.waiting()} waiting"
            self._check(listener, deadline, f"the ledger is not finished ({read})")

    def _check(self, listener: DemoListener, deadline: Deadline, error: str) -> None:
        """Poll the listener, report progress, and check that the workers are running. Raises `DemoFailed`."""
        listener.poll()
        if time.monotonic() - self._reported_at > _SAY_EVERY:
            self._reported_at = time.monotonic()
            self._say(f"  {listener.published:,} outcomes received")
        for name, worker in self._stack.workers.items():
            if not worker.running:
                raise DemoFailed(f"{name} has ended; its last output:\n{worker.tail()}")
        if error and deadline.passed:
            tails = "\n".join(f"{name}: {worker.tail(3)}" for name, worker in self._stack.workers.items())
            raise DemoFailed(
                f"too slow: {error} after {deadline.seconds:g} s; the last output of the workers:\n{tails}"
            )

    def _collect_results(self, ledger: LedgerReader, listener: DemoListener) -> Results:
        self._say("reading every topic and the whole journal, and verifying")
        kafka = self._stack.bootstrap_servers
        messages = read_topics([TRAINING_OPERATIONS, MARKETPLACE_OPERATIONS], kafka)
        found = find_statuses(messages, ledger)
        verified = self._stack.manage("verify", check=False)
        output = (verified.stdout.strip() or verified.stderr.strip() or "nothing").splitlines()
        listener.poll()
        users = [user.id for user in self._catalogue.everyone]
        return Results(
            found=found,
            sent=len(messages),
            published=listener.published,
            published_by_type=ledger.published_by_type(),
            received=listener.by_type,
            other_events=ledger.other_events(),
            balance_changes=listener.changes,
            dead_letters_published=self._count_published_dead_letters(found.total("parked")),
            balances=ledger.balances(),
            balances_received=listener.balances(users),
            platform=ledger.platform(),
            debits_minus_credits=ledger.debits_minus_credits(),
            verify=output[-1],
            verified=verified.returncode == 0 and output[-1].startswith("verify: ok"),
        )

    def _count_published_dead_letters(self, expected: int) -> int:
        """Return the number of dead letters on their topic, after waiting for the expected number."""
        deadline = Deadline(_END_SECONDS)
        count = 0
        while count < expected and not deadline.passed:
            count = len(read_topics([BILLING_DEAD_LETTERS], self._stack.bootstrap_servers))
        return count

    def _load(self, part: str) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "examples.load_catalogue", part],
            env=self._stack.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            output = "\n".join(done.stderr.strip().splitlines()[-10:])
            raise DemoFailed(f"the catalogue could not be loaded:\n{output}")
