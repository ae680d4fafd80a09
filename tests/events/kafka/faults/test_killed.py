"""Killed, paused and disconnected workers leave exact balances."""

import os
import random
import signal
from collections import defaultdict

import pytest
from django.db import connection

from easyautoml_ledger import topics
from easyautoml_ledger.outcomes import Balance
from events.worker import Stop
from ledger.engine.posting import post
from models import Machine, User
from tests.builders import amount, balances, fund, make_user, solving
from tests.connections import until
from tests.events.kafka.faults.conftest import Start
from tests.events.kafka.faults.cutting import cutting
from tests.events.kafka.world import (
    Publisher,
    checkpoint,
    events,
    heard,
    ingesting,
    parked,
    payloads,
    processed,
    relaying,
    rows,
    wait_for,
    wait_until_published,
)

pytestmark = pytest.mark.faults

OUT = topics.BILLING_OPERATIONS
TRAININGS = topics.TRAINING_OPERATIONS
LINE = amount("0.0001")


def test_20_000_operations_are_posted_once_each_though_the_worker_is_killed(
    publisher: Publisher, machine: Machine, start: Start
) -> None:
    """Twenty times SIGKILL in mid-batch, among duplicates and unreadable messages."""
    seed = random.randrange(2**32)
    print("seed", seed)
    chance = random.Random(seed)
    users = [fund(make_user(), eaml=1000) for _ in range(40)]
    count, noise = 20_000, 20
    sent: list[tuple[str, User]] = []
    for n in range(count):
        again = bool(sent) and chance.random() < 0.02
        sent.append(chance.choice(sent[-500:]) if again else (f"{n}", chance.choice(users)))
    for part in range(0, count, 1000):
        publisher.operations(
            [
                ("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1})
                for id_, user in sent[part : part + 1000]
            ],
            topic=TRAININGS,
        )
        publisher.raw(TRAININGS, b"noise", [], key=f"{part}".encode())
    for kill in range(20):
        # In a group, the partitions of a killed worker would be free only after its session.
        worker = start("ingest", "--alone", name=f"ingest-{kill}", LEDGER_INGEST_BATCH="200")
        wait_for(kill * 900 + 100, seconds=60)
        Stop().wait(chance.uniform(0, 0.1))
        assert processed(TRAININGS) < count + noise
        worker.kill()
    last, first, events_there = rows("select max(position), min(position), count(*) from events_event")[0]
    assert last - first + 1 > events_there, "a killed batch had allocated its positions"
    start("ingest", "--alone")
    wait_for(count + noise, seconds=120)
    ids = {id_ for id_, _ in sent}
    assert sorted(id_ for _, id_ in events() if id_ in ids) == sorted(ids)
    assert len(parked()) == noise
    per_user: dict[int, int] = defaultdict(int)
    for _, user in {id_: (id_, user) for id_, user in sent}.values():
        per_user[user.pk] += 1
    found = balances(*users)
    for user in users:
        assert found[f"user:{user.pk}:eaml"] == 1000 - LINE * per_user[user.pk], user
    assert rows("select sum(case side when 'D' then amount else -amount end) from models_entry") == [(0,)]


def test_a_killed_relay_leaves_nothing_out(user: User, machine: Machine, start: Start) -> None:
    """Everything is published at least once, in order per payer, and the last balances are the latest."""
    users = [user, *(fund(make_user(), eaml=10) for _ in range(20))]
    for _ in range(20):
        post([solving(machine, user=each, lines=1) for each in users for _ in range(10)])
    last = _last_position()
    for share in (0.01, 0.4):
        relay = start("relay")
        until(lambda share=share: checkpoint(OUT) > share * last, 30)  # type: ignore[misc]
        relay.kill()
    start("relay")
    wait_until_published(seconds=60)
    wait_until_published(topics.BILLING_BALANCES)
    _check_published()


def test_an_old_relay_that_wakes_up_publishes_nothing(user: User, machine: Machine, start: Start) -> None:
    """It was paused while publishing, for longer than its successor waits."""
    users = [user, *(fund(make_user(), eaml=10) for _ in range(10))]

    def work() -> None:
        for _ in range(10):
            post([solving(machine, user=each, lines=1) for each in users for _ in range(10)])

    work()
    old = start("relay")
    until(lambda: checkpoint(OUT) > 0, 30)
    os.kill(old.pid, signal.SIGSTOP)
    try:
        work()
        with relaying(patience=1, transactional_id="easyautoml-ledger-relay"):
            wait_until_published(seconds=30)
            work()
            os.kill(old.pid, signal.SIGCONT)
            wait_until_published(seconds=30)
            work()
            wait_until_published(seconds=30)
    finally:
        os.kill(old.pid, signal.SIGCONT)
    wait_until_published(topics.BILLING_BALANCES)
    old.stop()
    _check_published()


def test_broken_connections_to_the_database_lose_and_repeat_nothing(
    publisher: Publisher, user: User, machine: Machine
) -> None:
    """The position shows whether a commit without an answer succeeded."""
    ids = [f"{n}" for n in range(2000)]
    publisher.operations(
        [("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1}) for id_ in ids]
    )
    with ingesting(batch=50):
        for share in (0.05, 0.2, 0.4, 0.6, 0.8):
            _wait_for_share(share, len(ids))
            _break_other_connections()
        wait_for(len(ids), seconds=60)
    assert sorted(id_ for _, id_ in events()[2:]) == sorted(ids)
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - LINE * len(ids)
    assert parked() == []


def test_lost_answers_of_commits_lose_and_repeat_nothing(
    publisher: Publisher, user: User, machine: Machine, start: Start
) -> None:
    """The connection is cut between commits and their answers, again and again."""
    ids = [f"{n}" for n in range(1000)]
    publisher.operations(
        [("solving", user.pk, {"id": id_, "machine": machine.pk, "count_of_lines": 1}) for id_ in ids]
    )
    database = connection.settings_dict
    url = f"{os.environ['DATABASE_URL'].rpartition('/')[0]}/{database['NAME']}"
    # The first five commits create the positions of five topics; the batches follow.
    with cutting(url, every=8) as proxy:
        worker = start("ingest", "--alone", LEDGER_INGEST_BATCH="10", DATABASE_URL=proxy.url)
        wait_for(len(ids), seconds=120)
        worker.stop()
        assert proxy.cuts >= 10
        assert "the database does not answer" in worker.tail(1000)
    assert sorted(id_ for _, id_ in events()[2:]) == sorted(ids)
    assert balances(user)[f"user:{user.pk}:eaml"] == 100 - LINE * len(ids)
    assert parked() == []


@pytest.mark.parametrize("command", ["ingest", "relay"])
def test_a_worker_stops_on_request(command: str, start: Start, user: User) -> None:
    """Soon and with status 0, even while it has work."""
    worker = start(command)
    until(lambda: f"{command}: " in worker.tail(50), 20)
    assert worker.stop(10) == 0, worker.tail(30)


def _check_published() -> None:
    published = heard(OUT)
    positions = [row[0] for row in rows("select position from events_event where type like 'operation.%%'")]
    assert sorted({message.payload.position for message in published}) == positions
    first_seen: dict[bytes | None, list[int]] = defaultdict(list)
    for message in published:
        seen = first_seen[message.key]
        if message.payload.position not in seen:
            seen.append(message.payload.position)
    assert all(seen == sorted(seen) for seen in first_seen.values())
    latest = {balance.user: balance for balance in payloads(topics.BILLING_BALANCES, Balance)}
    for user, usd, eaml, coupon in rows(
        "select id, user_balance, user_ixioo_balance, coupon_balance from models_user where id = any(%s)",
        sorted(latest),
    ):
        balance = latest[user]
        assert (balance.usd.balance, balance.eaml.balance, balance.coupon.balance) == (usd, eaml, coupon)


def _wait_for_share(share: float, count: int) -> None:
    wait_for(int(share * count), seconds=60)


def _last_position() -> int:
    last: int = rows("select max(position) from events_event")[0][0]
    return last


def _break_other_connections() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            """select pg_terminate_backend(pid) from pg_stat_activity
               where datname = current_database() and pid <> pg_backend_pid()"""
        )
