"""Requests that wait at the same time share a transaction, but not their errors."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Event, Lock, get_ident
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Sender, Submission
from models import User
from tests import builders as make
from tests.builders import balances, make_user, post_one
from tests.connections import locked
from tests.web.api.conftest import Api, bill, service, top_up
from web.api import answering
from web.api.combiner import Combiner, names_of

WAIT_SECONDS = 10


def named(name: str) -> Submission:
    sender = Sender(source="/s", request_id=name, received_at=timezone.now())
    return Submission(sender=sender, command=None, sent={})  # type: ignore[arg-type]


class Poster:
    """A `post` that stores nothing. The first call waits for `released`, so that others arrive meanwhile."""

    def __init__(self, fails: Callable[[Sequence[str]], BaseException | None] = lambda _: None) -> None:
        self.fails = fails
        self.batches: list[list[str]] = []
        self.entered, self.released = Event(), Event()
        self.inside, self.lock = 0, Lock()
        self.at_once_max = 0

    def __call__(self, submissions: Sequence[Submission]) -> list[Outcome]:
        names = [submission.sender.request_id for submission in submissions]
        with self.lock:
            self.batches.append(names)
            self.inside += 1
            self.at_once_max = max(self.at_once_max, self.inside)
            first = len(self.batches) == 1
        try:
            if first:
                self.entered.set()
                assert self.released.wait(WAIT_SECONDS)
            if error := self.fails(names):
                raise error
            return [Outcome(status="recorded", replayed=name.endswith("!")) for name in names]
        finally:
            with self.lock:
                self.inside -= 1


def call_together(combiner: Combiner, poster: Poster, names: Sequence[str]) -> dict[str, Future[Outcome]]:
    """Make one call for each name. The first is inside `post` until all others wait, in this order."""
    futures: dict[str, Future[Outcome]] = {}
    with ThreadPoolExecutor(len(names)) as pool:
        for number, name in enumerate(names):
            futures[name] = pool.submit(combiner, named(name))
            if number == 0:
                assert poster.entered.wait(WAIT_SECONDS)
            else:
                while len(combiner._waiting) < number:
                    pass
        poster.released.set()
    return futures


def test_callers_who_wait_together_are_posted_together() -> None:
    """While one transaction runs, the next batch gathers. Each caller gets its own outcome."""
    poster = Poster()
    futures = call_together(Combiner(poster), poster, ["a", "b", "c!", "d"])
    assert poster.batches == [["a"], ["b", "c!", "d"]]
    assert {name: future.result().replayed for name, future in futures.items()} == {
        "a": False,
        "b": False,
        "c!": True,
        "d": False,
    }
    assert poster.at_once_max == 1


def test_a_batch_has_a_maximum_size() -> None:
    """Calls beyond it are in the next batch."""
    poster = Poster()
    call_together(Combiner(poster, batch_max=2), poster, ["a", "b", "c", "d", "e", "f"])
    assert poster.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_an_error_reaches_only_its_own_caller() -> None:
    """If a shared transaction fails, each of its submissions is posted alone."""
    poster = Poster(lambda names: ZeroDivisionError("poison") if "poison" in names else None)
    futures = call_together(Combiner(poster), poster, ["a", "b", "poison", "c"])
    assert poster.batches[:2] == [["a"], ["b", "poison", "c"]]
    assert sorted(poster.batches[2:]) == [["b"], ["c"], ["poison"]]
    assert isinstance(futures.pop("poison").exception(), ZeroDivisionError)
    assert {future.result().status for future in futures.values()} == {"recorded"}


def test_a_lost_database_is_asked_once_for_a_shared_transaction() -> None:
    """Each caller gets the error at once, instead of waiting for the database once more."""
    poster = Poster(fails=lambda names: OperationalError("connection refused") if "a" not in names else None)
    calls = call_together(Combiner(poster), poster, ["a", "b", "c", "d"])
    assert calls["a"].result(WAIT_SECONDS).status == "recorded"
    for name in "bcd":
        with pytest.raises(OperationalError):
            calls[name].result(WAIT_SECONDS)
    assert poster.batches == [["a"], ["b", "c", "d"]]


def test_an_error_of_a_single_call_does_not_block_the_next() -> None:
    """The next waiting caller is woken in every case."""
    poster = Poster(lambda names: ZeroDivisionError("poison") if "poison" in names else None)
    combiner = Combiner(poster)
    futures = call_together(combiner, poster, ["poison", "a", "b"])
    assert isinstance(futures["poison"].exception(), ZeroDivisionError)
    assert poster.batches == [["poison"], ["a", "b"]]
    assert combiner(named("c")).status == "recorded"


def test_a_thread_that_is_stopped_while_it_posts_does_not_block_others() -> None:
    """The callers that waited for it post on their own."""
    poster = Poster(lambda names: SystemExit(1) if names == ["b", "c"] else None)
    futures = call_together(Combiner(poster), poster, ["a", "b", "c"])
    assert isinstance(futures["b"].exception(), SystemExit)
    assert futures["c"].result().status == "recorded"


def test_no_caller_posts_for_others_without_end() -> None:
    """The first caller is answered after its own transaction, even if others keep arriving."""
    poster = Poster()
    combiner = Combiner(poster)
    leaders: list[int] = []

    def counting(submissions: Sequence[Submission]) -> list[Outcome]:
        leaders.append(get_ident())
        return poster(submissions)

    combiner._post = counting
    call_together(combiner, poster, ["a", "b", "c"])
    assert len(leaders) == len(set(leaders)) == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_recorded_once_each_and_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads, three users, some keys sent twice: no cent is lost in fewer transactions."""
    users = [make_user() for _ in range(3)]
    token = service().token
    transactions: list[int] = []

    def counting(submissions: Sequence[Submission]) -> list[Outcome]:
        transactions.append(len(submissions))
        return post(submissions)

    monkeypatch.setattr(answering, "_post", Combiner(counting))
    work: list[tuple[str, dict[str, Any]]] = []
    for number in range(120):
        user = users[number % 3]
        paid = top_up(user, "1")
        work.append((f"top-up-{number}", paid))
        work.append((f"bill-{number}", bill(user, "0.25")))
        if number % 10 == 0:
            work.append((f"top-up-{number}", paid))

    def send(share: Sequence[tuple[str, dict[str, Any]]]) -> list[tuple[str, int]]:
        api = Api(token)
        try:
            return [(key, api.record(operation, key=key).status_code) for key, operation in share]
        finally:
            connection.close()

    with ThreadPoolExecutor(16) as pool:
        answers = [answer for share in pool.map(send, [work[n::16] for n in range(16)]) for answer in share]
    created = [key for key, status in answers if status == 201]
    assert len(created) == len(set(created))
    assert {status for _, status in answers} <= {200, 201, 422}
    top_ups = [key for key in created if key.startswith("top-up")]
    assert len(top_ups) == 120
    bills = len(created) - 120
    held = balances(*users)
    assert sum(held[f"user:{user.pk}:usd"] for user in users) == 120 - Decimal(bills) / 4
    assert sum(held[f"user:{user.pk}:eaml"] for user in users) == bills * 25
    assert sum(transactions) >= len(work)
    assert max(transactions) > 1
    print(f"{len(work)} requests in {len(transactions)} transactions")


@pytest.mark.django_db(transaction=True)
def test_requests_of_a_locked_user_wait_alone_and_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Requests of other users are recorded meanwhile; one thread at a time waits for the locked one."""
    stuck, *others = [make_user() for _ in range(5)]
    for user in (stuck, *others):
        post_one(make.top_up(user, "5"))
    token = service().token
    waiting: list[int] = []
    waiting_max: list[int] = []
    lock = Lock()

    def post_alone(submissions: Sequence[Submission]) -> list[Outcome]:
        (only,) = submissions
        if getattr(only.command, "operation_user", None) != stuck.pk:
            return post(submissions)
        with lock:
            waiting.append(1)
            waiting_max.append(len(waiting))
        try:
            return post(submissions, lock_timeout_ms=300)
        finally:
            with lock:
                waiting.pop()

    combiner = Combiner(lambda some: post(some, lock_timeout_ms=50), post_alone=post_alone)
    monkeypatch.setattr(answering, "_post", combiner)

    def send(user: User) -> tuple[int, int, str | None]:
        try:
            response = Api(token).record(bill(user, "0.25"))
            # Others may be busy for a moment too, when their own operations meet on a slow machine.
            while user != stuck and response.status_code == 503:
                response = Api(token).record(bill(user, "0.25"))
            return user.pk, response.status_code, response.headers.get("Retry-After")
        finally:
            connection.close()

    with locked(stuck), ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(send, [stuck, *others] * 8))
    assert {answer for answer in answers if answer[0] == stuck.pk} == {(stuck.pk, 503, "1")}
    assert {status for user, status, _ in answers if user != stuck.pk} == {201}
    assert max(waiting_max) == 1
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(send, stuck).result() == (stuck.pk, 201, None)


def test_a_submission_is_known_by_everything_that_may_lead_to_its_users() -> None:
    """A sale names the buyer and a machine; the owner is known only once it is planned."""
    user, machine = 42, 7
    assert names_of(make.data_source(machine, user=user).command) == {"user:42", "machine:7"}
