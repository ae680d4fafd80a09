"""The demo from start to end: servers, workers, a morning and an evening of work, and the evidence."""

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
from examples.demo.books import Balances
from examples.demo.errors import DemoFailed
from examples.demo.evidence import Found, Ledger, account_for
from examples.demo.listening import Listening
from examples.demo.patience import Patience
from examples.demo.plan import Plan
from examples.demo.services import Services, Work, work_of
from examples.demo.topics import read_topics
from stack import Stack

_SHIFT_SECONDS: Final = 70.0
_END_SECONDS: Final = 45.0
_SAY_EVERY: Final = 2.0
_WORKERS: Final = ("web", "ingest", "relay", "project")


@dataclass(frozen=True, slots=True, kw_only=True)
class Results:
    """What was found when everything had come to rest."""

    found: Found
    sent: int
    published: int
    told: Counter[str]
    heard: Counter[str]
    beyond: Counter[tuple[str, str]]
    balance_changes: int
    dead_letters_told: int
    balances: dict[int, Balances]
    balances_heard: dict[int, Balances]
    platform: dict[str, Decimal]
    debits_minus_credits: dict[str, Decimal]
    verify: str
    """The last line that `manage.py verify` printed."""
    verified: bool


class Demo:
    """One demonstration on an open stack. Raises `DemoFailed` or `StackError` where it cannot go on."""

    def __init__(self, stack: Stack, catalogue: Catalogue, plan: Plan, say: Callable[[str], None]) -> None:
        self._stack = stack
        self._catalogue = catalogue
        self._plan = plan
        self._say = say
        self._said_at = time.monotonic()
        self._desk_keys: dict[str, str] = {}

    def run(self) -> Results:
        """All of it."""
        self._prepare()
        with (
            Ledger(self._stack.environment["DATABASE_URL"]) as ledger,
            Listening(self._stack.bootstrap_servers) as listening,
        ):
            self._say("the morning: services start, two users and two machines are not known yet")
            works = work_of(self._plan.morning, self._stack.bootstrap_servers)
            self._work("morning", works, ledger, listening, joining=True)
            self._say("noon: two people at the desk, over HTTP: what is beyond the nine kinds")
            self._work("noon", [self._desk()], ledger, listening)
            self._say("some prices change")
            self._load("repriced")
            self._say("the evening: late reports, stale prices, repeats and conflicts")
            works = work_of(self._plan.evening, self._stack.bootstrap_servers)
            self._work("evening", works, ledger, listening)
            self._come_to_rest(ledger, listening)
            return self._evidence(ledger, listening)

    def _prepare(self) -> None:
        self._say("setting up the database and the topics")
        with ThreadPoolExecutor() as pool:
            # One needs the database alone, the other the broker.
            for command in [pool.submit(self._stack.manage, name) for name in ("setup", "topics")]:
                command.result()
        for worker in _WORKERS:
            self._stack.start(worker)
        users, machines = len(self._catalogue.users), len(self._catalogue.machines)
        self._say(f"loading a catalogue of {users} users and {machines} machines")
        with ThreadPoolExecutor() as pool:
            keys = {
                "API_KEY": pool.submit(self._make_key, "customer service"),
                "SECOND_API_KEY": pool.submit(self._make_key, "controlling"),
            }
            self._load("start")
            self._desk_keys = {name: key.result() for name, key in keys.items()}

    def _desk(self) -> Work:
        self._stack.wait_for_web()
        return Work(
            program="customer_service",
            lines=self._plan.noon,
            arguments=("--url", self._stack.web_url),
            environment=self._desk_keys,
        )

    def _make_key(self, name: str) -> str:
        made = self._stack.manage(
            *("api_key", "create", "--name", name, "--source", PLATFORM_SERVICE),
            *("--scope", "ledger:write", "--scope", "ledger:admin"),
        )
        return made.stdout.split()[0]

    def _work(
        self,
        name: str,
        works: Sequence[Work],
        ledger: Ledger,
        listening: Listening,
        *,
        joining: bool = False,
    ) -> None:
        patience = Patience(_SHIFT_SECONDS)
        with Services(name, works, self._stack.directory) as services:
            while services.at_work:
                self._look(listening, patience, f"the {name} is not over")
                for words in services.finished():
                    self._say(f"  {words}")
                if joining and self._all_wait(ledger):
                    joining = False
                    count = sum(self._plan.expected.waiting.values())
                    self._say(f"  {count} messages wait for who and what is not known yet; now they join")
                    self._load("joining")
        if joining:
            raise DemoFailed("nothing waited for the users and machines that were to join")

    def _all_wait(self, ledger: Ledger) -> bool:
        expected = self._plan.expected.waiting
        return ledger.waiting(list(expected)) >= expected.total()

    def _come_to_rest(self, ledger: Ledger, listening: Listening) -> None:
        """Until the ledger has taken in everything, nothing waits and everything was told."""
        expected = self._plan.expected
        patience = Patience(_END_SECONDS)
        self._say("waiting until everything is decided, the unknown rejected and all of it told")
        while (
            ledger.consumed() < expected.sent
            or ledger.waiting()
            or listening.by_type.total() < ledger.told().total()
        ):
            if patience.over:
                # Not an error yet: the numbers will say what is missing.
                self._say(f"{ledger.consumed()} messages taken, {ledger.waiting()} still waiting")
                return
            self._look(listening, patience, "")

    def _look(self, listening: Listening, patience: Patience, complaint: str) -> None:
        """Hears what is new, says so now and then, and makes sure that everybody is alive."""
        listening.hear()
        if time.monotonic() - self._said_at > _SAY_EVERY:
            self._said_at = time.monotonic()
            self._say(f"  {listening.published:,} outcomes heard")
        for name, worker in self._stack.workers.items():
            if not worker.running:
                raise DemoFailed(f"{name} has ended; its last words:\n{worker.tail()}")
        if complaint and patience.over:
            tails = "\n".join(f"{name}: {worker.tail(3)}" for name, worker in self._stack.workers.items())
            raise DemoFailed(f"{complaint} after {patience.seconds:g} s; the workers' last words:\n{tails}")

    def _evidence(self, ledger: Ledger, listening: Listening) -> Results:
        self._say("reading every topic and the whole journal, and verifying")
        kafka = self._stack.bootstrap_servers
        messages = read_topics([TRAINING_OPERATIONS, MARKETPLACE_OPERATIONS], kafka)
        found = account_for(messages, ledger)
        verified = self._stack.manage("verify", check=False)
        words = (verified.stdout.strip() or verified.stderr.strip() or "nothing").splitlines()
        listening.hear()
        users = [user.id for user in self._catalogue.everyone]
        return Results(
            found=found,
            sent=len(messages),
            published=listening.published,
            told=ledger.told(),
            heard=listening.by_type,
            beyond=ledger.beyond(),
            balance_changes=listening.changes,
            dead_letters_told=self._dead_letters_told(found.total("parked")),
            balances=ledger.balances(),
            balances_heard=listening.balances(users),
            platform=ledger.platform(),
            debits_minus_credits=ledger.debits_minus_credits(),
            verify=words[-1],
            verified=verified.returncode == 0 and words[-1].startswith("verify: ok"),
        )

    def _dead_letters_told(self, expected: int) -> int:
        """How many there are on their topic; they are told within a second or so."""
        patience = Patience(10)
        told = 0
        while told < expected and not patience.over:
            told = len(read_topics([BILLING_DEAD_LETTERS], self._stack.bootstrap_servers))
        return told

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
            words = "\n".join(done.stderr.strip().splitlines()[-10:])
            raise DemoFailed(f"the catalogue could not be loaded:\n{words}")
