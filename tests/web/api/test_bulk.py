"""Many operations in one request, each recorded independently under its own id."""

import time
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError
from django.utils import timezone

from events.pace import Pace
from ledger.engine.posting import post
from ledger.engine.submission import Outcome, Sender, Submission
from ledger.requests import bulk
from models import User
from tests.builders import make_machine, make_user
from tests.web.api.conftest import Api, bill, everything, refused, top_up
from web.api import operations, reading
from web.api.shapes import BulkOutcomes


def send(api: Api, *items: Any) -> list[dict[str, Any]]:
    """Send a bulk request, which must be answered with 200, and return its outcomes."""
    response = api.post("/v1/operations/bulk", {"operations": items})
    assert response.status_code == 200, response.content
    answer = response.json()
    BulkOutcomes.model_validate(answer)
    return list(answer["outcomes"])


def short(outcomes: Sequence[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return (id, outcome, status, code, field) of each outcome."""
    return [
        (
            outcome["id"],
            outcome["outcome"],
            outcome["status"],
            outcome.get("problem", {}).get("code"),
            outcome.get("problem", {}).get("field"),
        )
        for outcome in outcomes
    ]


def test_every_item_has_its_own_outcome_in_order(api: Api, user: User) -> None:
    """An invalid item gets an error that names its field; all others are posted."""
    machine = make_machine(make_user())
    paid = top_up(user, "10")
    outcomes = send(
        api,
        {"id": "a", **paid},
        {"id": "b", **top_up(user, "1.5")} | {"amount": 1.5},
        {"id": "c", **bill(user, "4")},
        {"id": "d", **bill(user, "40")},
        {"id": "e", **top_up(user.pk + 1000)},
        {"id": "f", "type": "machine_copy", "operation_user": user.pk, "machine": machine.pk},
        {"id": "a", **paid},
        {"id": "a", **paid, "amount": "11"},
        {"id": "g", **top_up(user, occurred_at="2001-01-01T00:00:00Z")},
        top_up(user),
        {"id": 7, **top_up(user)},
        {"id": "x" * 256, **top_up(user)},
        {"id": "\ud800", **top_up(user)},
        "no object",
        {"id": "h", **top_up(user, "2")},
    )
    assert short(outcomes) == [
        ("a", "recorded", 201, None, None),
        ("b", "invalid", 422, "amount_is_float", "amount"),
        ("c", "recorded", 201, None, None),
        ("d", "rejected", 422, "insufficient_funds", None),
        ("e", "undecided", 409, "undecided", "operation_user"),
        ("f", "refused", 422, "no_price", None),
        ("a", "recorded", 200, None, None),
        ("a", "conflict", 409, "conflict", "amount"),
        ("g", "refused", 422, "invalid", "occurred_at"),
        (None, "invalid", 422, "missing_field", "id"),
        (None, "invalid", 422, "not_text", "id"),
        (None, "invalid", 400, "invalid_idempotency_key", "id"),
        (None, "invalid", 400, "invalid_idempotency_key", "id"),
        (None, "invalid", 422, "not_an_object", None),
        ("h", "recorded", 201, None, None),
    ]
    assert outcomes[6]["operation"] == outcomes[0]["operation"]
    assert outcomes[6]["replayed"] is True
    assert outcomes[3]["problem"]["operation"] == outcomes[3]["operation"]
    balances = api.get(f"/v1/users/{user.pk}/balances").json()
    assert balances["usd"]["balance"] == "8.00000000"
    assert balances["eaml"]["balance"] == "400.00000000"


def test_an_item_is_equivalent_to_a_request_of_its_own(api: Api, user: User) -> None:
    """The id is the idempotency key: a single request is replayed in bulk, and the other way round."""
    one, other = top_up(user), top_up(user)
    single = api.record(one, key="k").json()
    (replayed,) = send(api, {"id": "k", **one})
    assert (replayed["operation"], replayed["replayed"]) == (single["id"], True)
    (made,) = send(api, {"id": "l", **other})
    again = api.record(other, key="l")
    assert (again.status_code, again.json()["id"]) == (200, made["operation"])


@pytest.mark.parametrize(
    ("sent", "status", "code", "field"),
    [
        (b"[]", 422, "not_an_object", None),
        (b"{}", 422, "missing_field", "operations"),
        (b'{"operations": null}', 422, "missing_field", "operations"),
        (b'{"operations": {}}', 422, "not_a_list", "operations"),
        (b'{"operations": []}', 422, "too_few", "operations"),
        (b'{"operations": [1], "source": "/x"}', 422, "unknown_field", "source"),
        (b'{"operations": [{"id": "1", "id": "2"}]}', 400, "duplicate_key", "id"),
        (b'{"operations": [{}, {"amount": NaN}]}', 400, "not_a_number", "operations.1.amount"),
        (b'{"operations": [' + b"1," * 5000 + b"1]}", 422, "too_many", "operations"),
    ],
)
def test_an_invalid_list_of_items_is_refused(
    api: Api, nothing_written: None, sent: bytes, status: int, code: str, field: str | None
) -> None:
    """The whole request gets one problem, and nothing is posted."""
    refused(api.post("/v1/operations/bulk", sent), status, code, field)


def test_one_item_that_the_database_refuses_does_not_fail_the_others(
    api: Api, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The batch is halved down to the poisonous item, which alone fails and writes nothing."""
    batches = []

    class Poison:
        """Fail like a constraint: in the transaction, after everything was written."""

        def __init__(self, submissions: Sequence[Submission]) -> None:
            self.keys = {submission.sender.request_id for submission in submissions}

        def begin(self, _: Any) -> None:
            batches.append(len(self.keys))

        def finish(self, cursor: Any, _: Sequence[Outcome]) -> None:
            if "item-5" in self.keys:
                cursor.execute("select 1 / 0")

    def poisoned(submissions: Sequence[Submission]) -> list[Outcome]:
        return post(submissions, hook=Poison(submissions))

    monkeypatch.setattr(operations, "post_each", lambda these: bulk.post_each(these, with_post=poisoned))
    outcomes = send(api, *({"id": f"item-{n}", **top_up(user, "1")} for n in range(8)))
    assert [outcome["outcome"] for outcome in outcomes] == ["recorded"] * 5 + ["failed"] + ["recorded"] * 2
    assert short([outcomes[5]]) == [("item-5", "failed", 500, "internal_error", None)]
    assert batches == [8, 4, 4, 2, 1, 1, 2]
    assert api.get(f"/v1/users/{user.pk}/balances").json()["usd"]["balance"] == "7.00000000"


def test_a_batch_is_halved_for_bad_data_but_not_for_a_lost_database() -> None:
    """Without a database every half would fail too, so the caller gets the error at once."""
    tried = []

    def lost(submissions: Sequence[Submission]) -> list[Outcome]:
        tried.append(len(submissions))
        raise OperationalError("the server closed the connection")

    with pytest.raises(OperationalError):
        bulk.post_each([None] * 4, with_post=lost)  # type: ignore[list-item]
    assert tried == [4]

    def refusing(submissions: Sequence[Submission]) -> list[Outcome]:
        raise IntegrityError("a constraint")

    sender = Sender(source="/s", request_id="1", received_at=timezone.now())
    only = Submission(sender=sender, command=None, sent={})  # type: ignore[arg-type]
    assert bulk.post_each([only], with_post=refusing) == [None]


def test_a_request_is_posted_in_several_transactions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each takes about 40 ms, so that no transaction keeps its users locked for long."""
    sizes: list[int] = []
    clock = [0.0]
    monkeypatch.setattr(bulk, "monotonic", lambda: clock[0])

    def counting(submissions: Sequence[Submission]) -> list[Outcome]:
        sizes.append(len(submissions))
        clock[0] += 0.0002 * len(submissions)
        return [Outcome(status="recorded")] * len(submissions)

    pace = Pace(bulk.SHARED_MAX)
    for _ in range(2):
        assert len(bulk.post_each([None] * 1000, with_post=counting, pace=pace)) == 1000  # type: ignore[list-item]
    assert sizes[0] == 100
    assert sizes[-2] == pytest.approx(200, abs=2)
    assert sum(sizes) == 2000


def test_five_thousand_items_are_accepted_at_once(api: Api, user: User) -> None:
    """A request may have this many. Sent again, it changes nothing."""
    items = [{"id": f"item-{n}", **top_up(user, "0.01")} for n in range(reading.BULK_ITEMS_MAX)]
    started = time.perf_counter()
    outcomes = send(api, *items)
    print(f"5,000 items in {time.perf_counter() - started:.2f} s")
    assert {outcome["outcome"] for outcome in outcomes} == {"recorded"}
    before = everything()
    assert {outcome["replayed"] for outcome in send(api, *items)} == {True}
    assert everything() == before
    assert api.get(f"/v1/users/{user.pk}/balances").json()["usd"]["balance"] == "50.00000000"
