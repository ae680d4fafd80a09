"""Requests that wait at the same time share a transaction, and nothing else."""

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from threading import Event, Lock, get_ident
from typing import Any

import pytest
from django.db import connection

from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Submission
from tests.builders import balances, make_user
from tests.web.api.conftest import Api, bill, service, top_up
from web.api import answering
from web.api.combiner import Combiner

WAIT_SECONDS = 10


def named(name: str) -> Submission:
    return Submission(source="/s", request_id=name, command=None, sent={})  # type: ignore[arg-type]


class Poster:
    """Posts to nowhere. The first call waits until it is let go, so that others come meanwhile."""

    def __init__(self, fails: Callable[[Sequence[str]], BaseException | None] = lambda _: None) -> None:
        self.fails = fails
        self.batches: list[list[str]] = []
        self.entered, self.let_go = Event(), Event()
        self.inside, self.lock = 0, Lock()
        self.at_once_max = 0

    def __call__(self, submissions: Sequence[Submission]) -> list[Outcome]:
        names = [submission.request_id for submission in submissions]
        with self.lock:
            self.batches.append(names)
            self.inside += 1
            self.at_once_max = max(self.at_once_max, self.inside)
            first = len(self.batches) == 1
        try:
            if first:
                self.entered.set()
                assert self.let_go.wait(WAIT_SECONDS)
            if error := self.fails(names):
                raise error
            return [Outcome(status="recorded", replayed=name.endswith("!")) for name in names]
        finally:
            with self.lock:
                self.inside -= 1


def crowd(combiner: Combiner, poster: Poster, names: Sequence[str]) -> dict[str, Future[Outcome]]:
    """Calls of one name each: the first is inside `post` until all the others wait, in their order."""
    futures: dict[str, Future[Outcome]] = {}
    with ThreadPoolExecutor(len(names)) as pool:
        for number, name in enumerate(names):
            futures[name] = pool.submit(combiner, named(name))
            if number == 0:
                assert poster.entered.wait(WAIT_SECONDS)
            else:
                while len(combiner._waiting) < number:
                    pass
        poster.let_go.set()
    return futures


def test_callers_who_wait_together_are_posted_together() -> None:
    """While one transaction runs, the next lot gathers; each caller gets his own outcome."""
    poster = Poster()
    futures = crowd(Combiner(poster), poster, ["a", "b", "c!", "d"])
    assert poster.batches == [["a"], ["b", "c!", "d"]]
    assert {name: future.result().replayed for name, future in futures.items()} == {
        "a": False,
        "b": False,
        "c!": True,
        "d": False,
    }
    assert poster.at_once_max == 1


def test_a_lot_has_at_most_so_many() -> None:
    """Who finds no room comes with the next."""
    poster = Poster()
    crowd(Combiner(poster, batch_max=2), poster, ["a", "b", "c", "d", "e", "f"])
    assert poster.batches == [["a"], ["b", "c"], ["d", "e"], ["f"]]


def test_a_failure_stays_with_whom_it_belongs_to() -> None:
    """The others of a shared transaction that failed are posted alone, and never hear of it."""
    poster = Poster(lambda names: ZeroDivisionError("poison") if "poison" in names else None)
    futures = crowd(Combiner(poster), poster, ["a", "b", "poison", "c"])
    assert poster.batches[:2] == [["a"], ["b", "poison", "c"]]
    assert sorted(poster.batches[2:]) == [["b"], ["c"], ["poison"]]
    assert isinstance(futures.pop("poison").exception(), ZeroDivisionError)
    assert {future.result().status for future in futures.values()} == {"recorded"}


def test_a_caller_who_fails_alone_leaves_the_next_in_peace() -> None:
    """The turn is handed on whatever happens."""
    poster = Poster(lambda names: ZeroDivisionError("poison") if "poison" in names else None)
    combiner = Combiner(poster)
    futures = crowd(combiner, poster, ["poison", "a", "b"])
    assert isinstance(futures["poison"].exception(), ZeroDivisionError)
    assert poster.batches == [["poison"], ["a", "b"]]
    assert combiner(named("c")).status == "recorded"


def test_a_thread_that_is_stopped_while_it_posts_stops_nobody_else() -> None:
    """Whatever ends a worker's thread, those who waited for it post for themselves."""
    poster = Poster(lambda names: SystemExit(1) if names == ["b", "c"] else None)
    futures = crowd(Combiner(poster), poster, ["a", "b", "c"])
    assert isinstance(futures["b"].exception(), SystemExit)
    assert futures["c"].result().status == "recorded"


def test_nobody_posts_for_others_for_ever() -> None:
    """The first caller is answered after his own transaction, though others keep coming."""
    poster = Poster()
    combiner = Combiner(poster)
    leaders: list[int] = []

    def counting(submissions: Sequence[Submission]) -> list[Outcome]:
        leaders.append(get_ident())
        return poster(submissions)

    combiner._post = counting
    crowd(combiner, poster, ["a", "b", "c"])
    assert len(leaders) == len(set(leaders)) == 2


@pytest.mark.django_db(transaction=True)
def test_concurrent_requests_are_recorded_once_each_and_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sixteen threads over three users, some keys twice: every cent is there, in fewer transactions."""
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
