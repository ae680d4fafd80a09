"""Several workers with the same users: exact to the last unit, and without deadlocks."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from events import store
from events.identifiers import uuid7
from ledger.domain.entries import entries, increases
from ledger.engine import journal, posting
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from models import Machine, User
from models.billing import Entry
from tests import builders as make
from tests.builders import balances, code_of, fund, make_machine, make_user, on_user, recorded, short
from tests.connections import Held, Worker, another, together, until, waits_for_a_lock
from tests.strategies import KINDS, DrawnOperation

pytestmark = pytest.mark.django_db(transaction=True)

PROJECT = Path(__file__).resolve().parents[3]


def assert_verified() -> None:
    """Assert that the log, the entries, the accounts and the users' rows agree to the last unit."""
    with connection.cursor() as cursor:
        cursor.execute("select max(position) from events_event")
        last = cursor.fetchone()[0]
        cursor.execute("select code, balance, held, version from ledger_account where user_id is not null")
        stored = {row[0]: row[1:] for row in cursor.fetchall()}
        cursor.execute("select code, id from ledger_account")
        ids = dict(cursor.fetchall())
    sums: dict[str, Decimal] = dict.fromkeys(stored, Decimal(0))
    versions: dict[str, int] = dict.fromkeys(stored, 0)
    wanted = []
    for event in store.read_all(upto=last):
        if event.type != "operation.recorded":
            continue
        for line in entries(event.data["transfers"], event.data["accounts"]):
            after = None if line.balance_after is None else Decimal(line.balance_after)
            wanted.append(
                (event.position, line.transfer, line.side, ids[line.account], Decimal(line.amount), after)
            )
            if line.version is not None and after is not None:
                sums[line.account] += Decimal(line.amount) * (1 if increases(line.account, line.side) else -1)
                versions[line.account] += 1
                assert (sums[line.account], versions[line.account]) == (after, line.version)
                assert after >= 0
    assert stored == {code: (sums[code], 0, versions[code]) for code in stored}
    fields = ("position", "transfer", "side", "account_id", "amount", "balance_after")
    assert sorted(Entry.objects.values_list(*fields), key=str) == sorted(wanted, key=str)
    for user in User.objects.all():
        assert on_user(user) == tuple(
            stored.get(f"user:{user.pk}:{name}", (0,))[0] for name in ("usd", "eaml", "coupon")
        )


def statuses(outcomes: Sequence[Outcome]) -> list[tuple[str, bool]]:
    return [(outcome.status, outcome.replayed) for outcome in outcomes]


def test_suspended_worker_loses_its_transaction(monkeypatch: pytest.MonkeyPatch) -> None:
    """The database ends it: nothing of the batch is posted, and the other workers go on."""
    monkeypatch.setattr(posting, "_IDLE_TIMEOUT_MS", 500)
    user, frozen, wake = make_user(), threading.Event(), threading.Event()

    def clock() -> datetime:
        # The engine asks for the time when everything is locked.
        frozen.set()
        assert wake.wait(30)
        return timezone.now()

    old = Worker(lambda: post([make.top_up(user, 1)], clock=clock))
    assert frozen.wait(10)
    assert [code_of(outcome) for outcome in post([make.top_up(user, 2)])] == ["recorded"]
    wake.set()
    with pytest.raises((OperationalError, InterfaceError)):
        old.answer()
    assert on_user(user)[0] == 2
    assert_verified()


def test_concurrent_submissions_with_one_key_are_recorded_once(user: User, held: Held) -> None:
    """The second waits for the first, and gets its answer."""
    submission = make.top_up(user, "10")
    first = Worker(lambda: post([submission], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post([submission]))
    until(waits_for_a_lock)
    held.let_go.set()
    assert statuses(first.answer()) == [("recorded", False)]
    assert statuses(second.answer()) == [("recorded", True)]
    assert first.answer()[0].event.id == second.answer()[0].event.id
    assert balances(user)[f"user:{user.pk}:usd"] == 110


def test_keys_are_claimed_in_one_order() -> None:
    """Whatever the order in the batch, a worker that waits for a key holds no later key."""
    first, second = (store.Key(make.SOURCE, key) for key in "ab")

    def claim(key: store.Key) -> dict[store.Key, store.Claim]:
        return {key: store.Claim(b"x", uuid7())}

    def claim_both() -> Any:
        with transaction.atomic(), connection.cursor() as cursor:
            return store.claim_keys(cursor, claim(second) | claim(first))

    with another() as other, other.cursor() as cursor:
        cursor.execute("begin")
        assert store.claim_keys(cursor, claim(first)) == {}
        both = Worker(claim_both)
        until(waits_for_a_lock)
        assert store.claim_keys(cursor, claim(second)) == {}
        cursor.execute("commit")
        assert set(both.answer()) == {first, second}


def test_key_of_a_failed_worker_is_free(user: User) -> None:
    """The second worker waited for a claim that was rolled back."""

    class Failing(Held):
        def finish(self, cursor: Any, outcomes: Sequence[Outcome]) -> None:
            super().finish(cursor, outcomes)
            raise ConnectionAbortedError

    held, submission = Failing(), make.top_up(user, "10")
    first = Worker(lambda: post([submission], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post([submission]))
    until(waits_for_a_lock)
    held.let_go.set()
    assert statuses(second.answer()) == [("recorded", False)]
    with pytest.raises(ConnectionAbortedError):
        first.answer()
    assert balances(user)[f"user:{user.pk}:usd"] == 110
    assert_verified()


def test_money_is_spent_once(machine: Machine, held: Held) -> None:
    """Two purchases with money for one: the second sees what the first left."""
    buyer = fund(make_user(), usd=7)
    first = Worker(lambda: post([make.machine_copy(machine, user=buyer)], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post([make.machine_copy(machine, user=buyer)]))
    until(waits_for_a_lock)
    held.let_go.set()
    assert statuses(first.answer()) == [("recorded", False)]
    (outcome,) = second.answer()
    assert code_of(outcome) == "insufficient_funds"
    assert outcome.event.data["rejection"]["available"] == "2.00000000"
    assert_verified()


def test_concurrent_first_operations_create_the_accounts_once(held: Held) -> None:
    """Both workers find no accounts, and both need them."""
    user = make_user()
    first = Worker(lambda: post([make.top_up(user, "1")], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post([make.top_up(user, "2")]))
    until(waits_for_a_lock)
    held.let_go.set()
    first.answer()
    second.answer()
    assert balances() == {f"user:{user.pk}:usd": Decimal(3)}
    assert_verified()


def test_accounts_of_the_platform_are_never_locked(held: Held, machine: Machine) -> None:
    """Other users are served while a batch is open."""
    one, other = fund(make_user(), eaml=1), fund(make_user(), eaml=1)
    first = Worker(lambda: post([make.solving(machine, user=one)], hook=held))
    assert held.reached.wait(10)
    assert statuses(Worker(lambda: post([make.solving(machine, user=other)])).answer(5)) == [
        ("recorded", False)
    ]
    held.let_go.set()
    first.answer()


def test_later_position_is_recorded_later_for_each_user(user: User, held: Held) -> None:
    """Time of recording and version follow the global order for each account."""
    first = Worker(lambda: post([make.top_up(user, "1")], hook=held))
    assert held.reached.wait(10)
    second = Worker(lambda: post([make.top_up(user, "1")]))
    until(waits_for_a_lock)
    held.let_go.set()
    one, two = first.answer()[0].event, second.answer()[0].event
    assert one.position < two.position
    assert one.recorded_at <= two.recorded_at
    account = f"user:{user.pk}:usd"
    assert one.data["accounts"][account]["version"] + 1 == two.data["accounts"][account]["version"]


def test_clock_that_is_behind_records_nothing_before_the_last_event_of_an_account(user: User) -> None:
    """The clock of another machine may be ahead of this one."""
    first = recorded(make.top_up(user, "1"))
    (outcome,) = post([make.top_up(user, "1")], clock=lambda: make.minutes_ago(60))
    assert outcome.event is not None
    assert outcome.event.recorded_at >= first.recorded_at


def test_owner_who_changed_between_reading_and_locking_is_read_again(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new owner is not locked at first, so the batch begins again, and the new owner pays."""
    former, rounds = machine.machine_owner_user, []
    lock = journal.lock_accounts

    def change_owner(cursor: Any, users: Sequence[int]) -> Any:
        rounds.append(list(users))
        if len(rounds) == 1:
            with another() as other, other.cursor() as elsewhere:
                elsewhere.execute("set ledger.effective_at = '2020-01-01T00:00:00Z'")
                elsewhere.execute(
                    "update models_machine set machine_owner_user_id = %s where id = %s",
                    [user.pk, machine.pk],
                )
        return lock(cursor, users)

    monkeypatch.setattr(journal, "lock_accounts", change_owner)
    event = recorded(make.training(machine, user=former, lines=1000))
    assert rounds == [[former.pk], [user.pk]]
    assert event.data["payer"] == event.data["machine_owner"] == user.pk
    assert short(balances(user)[f"user:{user.pk}:eaml"]) == "99.98"
    assert balances(former) == {}
    assert_verified()


def test_price_that_changed_between_reading_and_locking_applies(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Decisions use what is read under the locks."""
    lock = journal.lock_accounts

    def change_price(cursor: Any, users: Sequence[int]) -> Any:
        with another() as other, other.cursor() as elsewhere:
            elsewhere.execute("set ledger.effective_at = '2020-01-01T00:00:00Z'")
            elsewhere.execute(
                "update models_machine set machine_copy_price_usd = 10 where id = %s", [machine.pk]
            )
        return lock(cursor, users)

    monkeypatch.setattr(journal, "lock_accounts", change_price)
    event = recorded(make.machine_copy(machine, user=user, refuse_early=True))
    assert event.data["pricing"]["unit_price"] == "10.00000000"


def test_offer_that_ended_between_reading_and_locking_is_rejected(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is too late for an early refusal, so the key is used and the event has the reason."""
    lock = journal.lock_accounts

    def end_offer(cursor: Any, users: Sequence[int]) -> Any:
        with another() as other, other.cursor() as elsewhere:
            elsewhere.execute("set ledger.effective_at = '2020-01-01T00:00:00Z'")
            elsewhere.execute(
                "update models_machine set machine_copy_price_usd = null where id = %s", [machine.pk]
            )
        return lock(cursor, users)

    monkeypatch.setattr(journal, "lock_accounts", end_offer)
    (outcome,) = post([make.machine_copy(machine, user=user, refuse_early=True)])
    assert (outcome.status, code_of(outcome)) == ("rejected", "no_price")


def random_operations(
    users: Sequence[User], machines: Sequence[Machine], chance: random.Random, count: int
) -> list[Submission]:
    """Return random operations of all nine kinds among a few users, most of which can be paid."""
    asked = [
        DrawnOperation(
            kind=chance.choice(KINDS[:9]),
            user=chance.randrange(len(users)),
            machine=chance.randrange(len(machines)),
            lines=chance.randrange(50),
            amount=chance.choice(["0.01", "0.08", "1", "3"]),
        )
        for _ in range(count)
    ]
    numbers = [user.pk for user in users], [machine.pk for machine in machines]
    return [drawn.submission(*numbers) for drawn in asked]


def make_users_and_machines(count: int = 5) -> tuple[list[User], list[Machine]]:
    users = [fund(make_user(), usd=20, eaml=1) for _ in range(count)]
    return users, [
        make_machine(user, api="0.01", data_source="3", copy="5", copy_update="0.5") for user in users
    ]


@pytest.mark.usefixtures("no_waiting_for_deadlocks")
def test_random_load_over_few_users_stays_exact_and_never_deadlocks() -> None:
    """Four workers post batches of one to forty operations over the same five users."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    users, machines = make_users_and_machines()
    ends_at = time.monotonic() + 3

    def work(number: int) -> int:
        chance, posted = random.Random(seed + number), 0
        sent: list[Submission] = []
        while time.monotonic() < ends_at:
            batch = random_operations(users, machines, chance, chance.choice([1, 1, 3, 10, 40]))
            again = chance.sample(sent, min(len(sent), 2))
            outcomes = post([*batch, *again])
            assert all(outcome.replayed for outcome in outcomes[len(batch) :])
            assert {outcome.status for outcome in outcomes} <= {"recorded", "rejected"}
            sent, posted = batch, posted + len(batch)
        return posted

    posted = sum(together(*(partial(work, number) for number in range(4))))
    assert posted > 100
    with connection.cursor() as cursor:
        cursor.execute("select count(*) from events_key where source = %s", [make.SOURCE])
        assert cursor.fetchone()[0] == posted + 2 * len(users)
    assert_verified()


@pytest.mark.usefixtures("no_waiting_for_deadlocks")
@pytest.mark.parametrize("size", [1, 7, 60])
def test_any_interleaving_of_two_workers_ends_in_the_same_balances(size: int) -> None:
    """Both post the same operations in different orders, and each operation is recorded once."""
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    users, machines = make_users_and_machines()
    # Every user can pay for everything, so the order does not decide which operations are rejected.
    post([make.adjustment(user, name, 10_000) for user in users for name in ("usd", "eaml")])
    submissions = random_operations(users, machines, chance, 60)
    submissions = [each for each in submissions if _sells_to_another(each, machines)]
    expected = _balances_in_the_domain(users, machines, submissions)

    def work(order: list[Submission]) -> list[Outcome]:
        return [
            outcome for start in range(0, len(order), size) for outcome in post(order[start : start + size])
        ]

    orders = [chance.sample(submissions, len(submissions)) for _ in range(2)]
    done = together(*(partial(work, order) for order in orders))
    assert all(outcome.status == "recorded" for outcomes in done for outcome in outcomes)
    firsts = [outcome for outcomes in done for outcome in outcomes if not outcome.replayed]
    assert len(firsts) == len(submissions)
    assert balances(*users) == expected
    assert_verified()


def _sells_to_another(submission: Submission, machines: Sequence[Machine]) -> bool:
    owners = {machine.pk: machine.machine_owner_user_id for machine in machines}
    sold = submission.sent["type"] in {
        "solving_with_api_market",
        "buy_data_source",
        "machine_copy",
        "machine_copy_update",
    }
    return not sold or owners[submission.sent["machine"]] != submission.sent["operation_user"]


def _balances_in_the_domain(
    users: Sequence[User], machines: Sequence[Machine], submissions: Sequence[Submission]
) -> dict[str, Decimal]:
    """Return the balances after the pure domain decides the same operations one by one."""
    start: dict[int, dict[str, str]] = {}
    for code, balance in balances(*users).items():
        _, user, name = code.split(":", 2)
        start.setdefault(int(user), {})[name] = str(balance)
    domain = make.PureDomain(
        users=[user.pk for user in users],
        machines=[
            make.machine_terms(
                machine.pk,
                owner=machine.machine_owner_user_id,
                api="0.01",
                data_source="3",
                copy="5",
                copy_update="0.5",
            )
            for machine in machines
        ],
        start=start,
    )
    for submission in submissions:
        domain.decide(submission)
    return domain.balances()


_PROCESS = """
import random, sys
import django
django.setup()
from models import Machine, User
from ledger.engine.posting import post
from tests.ledger.engine.test_concurrency import random_operations
chance = random.Random(int(sys.argv[1]))
users, machines = list(User.objects.order_by("id")), list(Machine.objects.order_by("id"))
for _ in range(15):
    post(random_operations(users, machines, chance, chance.choice([1, 5, 30])))
"""


@pytest.mark.usefixtures("no_waiting_for_deadlocks")
def test_two_processes_stay_exact() -> None:
    """They share nothing but the database."""
    seed = random.randrange(2**31)
    print(f"seed {seed}")
    make_users_and_machines()
    settings = connection.settings_dict
    url = (
        f"postgresql://{settings['USER']}:{settings['PASSWORD']}@{settings['HOST'] or 'localhost'}"
        f":{settings['PORT']}/{settings['NAME']}"
    )
    environment = {**os.environ, "DATABASE_URL": url, "DJANGO_SETTINGS_MODULE": "config.settings"}
    environment.pop("DATABASE_OWNER_URL", None)
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(seed + number)],
            cwd=PROJECT,
            env=environment,
            stderr=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for process in processes:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
    assert_verified()
