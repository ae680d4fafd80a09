"""Single operations over HTTP: recorded once per key, or refused with a reason."""

from datetime import timedelta
from uuid import UUID

import pytest
from django.conf import LazySettings
from django.utils import timezone

from events.models import Event
from models import User
from tests.builders import fund, make_machine, make_user
from tests.web.api.conftest import SOURCE, Api, bill, everything, refused, service, top_up
from web.api.shapes import Operation


def test_an_operation_is_recorded_and_can_be_fetched(api: Api, user: User) -> None:
    """201 with the whole decision; `Location` can be fetched."""
    response = api.record(top_up(user, "12.5"), key="first")
    assert response.status_code == 201
    assert "Idempotency-Replayed" not in response.headers
    answer = response.json()
    Operation.model_validate(answer)
    assert answer["transfers"] == [
        {
            "debit": "clearing:payments:usd",
            "credit": f"user:{user.pk}:usd",
            "currency": "USD",
            "amount": "12.50000000",
        },
    ]
    assert answer["accounts"] == {
        f"user:{user.pk}:usd": {"balance": "12.50000000", "held": "0.00000000", "version": 1},
    }
    assert (answer["status"], answer["source"], answer["request_id"]) == ("recorded", SOURCE, "first")
    assert response.headers["Location"] == f"/v1/operations/{answer['id']}"
    assert api.get(response.headers["Location"]).json()["id"] == answer["id"]


def test_the_event_has_the_actor_and_the_trace_context(api: Api, user: User) -> None:
    """The actor is the service, `via` its key without the secret. A malformed trace or id is ignored."""
    trace = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
    well = api.record(top_up(user), traceparent=trace, **{"X-Correlation-ID": "order 7"}).json()
    badly = api.record(top_up(user), traceparent="00-zz", **{"X-Correlation-ID": "ä"}).json()
    metadata = Event.objects.get(id=well["id"]).metadata
    assert metadata["actor"].startswith("service:/services/")
    assert metadata["via"].startswith("api-key:")
    assert metadata["traceparent"] == trace
    assert metadata["correlation_id"] == "order 7"
    assert {"traceparent", "correlation_id"}.isdisjoint(Event.objects.get(id=badly["id"]).metadata)


def test_a_replayed_key_gets_the_same_answer_and_changes_nothing(api: Api, user: User) -> None:
    """200, marked as replayed, with the first body."""
    paid = top_up(user)
    first = api.record(paid, key="once")
    before = everything()
    again = api.record(paid, key="once")
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert again.json() == first.json()
    assert again.headers["Location"] == first.headers["Location"]
    assert everything() == before


@pytest.mark.parametrize(
    ("sent", "meant"),
    [('"once"', "once"), ('"a \\"b\\" \\\\ c"', 'a "b" \\ c'), ('"open', '"open'), ("x" * 255, "x" * 255)],
)
def test_a_key_may_be_in_double_quotes(api: Api, user: User, sent: str, meant: str) -> None:
    """A string of RFC 8941 and the plain text are the same key."""
    response = api.record(top_up(user), key=sent)
    assert response.status_code == 201
    assert response.json()["request_id"] == meant


def test_the_same_key_for_another_body_is_a_conflict(api: Api, user: User) -> None:
    """409 with the first field that differs; the first operation does not change."""
    api.record(top_up(user, "10"), key="once")
    before = everything()
    problem = refused(api.record(top_up(user, "11"), key="once"), 409, "conflict", "amount")
    assert problem["retryable"] is False
    reference = top_up(user, "10", payment_reference="pi_2")
    refused(api.record(reference, key="once"), 409, "conflict", "payment_reference")
    assert everything() == before


def test_two_sources_may_use_the_same_key(api: Api, user: User) -> None:
    """Keys are unique per source."""
    other = service(source="/services/training")
    assert api.record(top_up(user), key="1").status_code == 201
    assert other.record(top_up(user), key="1").status_code == 201


def test_a_rejection_is_an_event_and_the_final_answer(api: Api, user: User) -> None:
    """422 with code and details, also after a top-up, because the key is decided."""
    first = api.record(bill(user, "3"), key="bill")
    problem = refused(first, 422, "insufficient_funds")
    assert problem["details"] == {"currency": "USD", "amount": "3.00000000", "available": "0.00000000"}
    assert problem["retryable"] is False
    operation = problem["operation"]
    assert Event.objects.get(id=UUID(operation)).type == "operation.rejected"
    assert first.headers["Location"] == f"/v1/operations/{operation}"
    fund(user, usd=10)
    again = api.record(bill(user, "3"), key="bill")
    assert refused(again, 422, "insufficient_funds") == problem
    assert again.headers["Idempotency-Replayed"] == "true"
    assert api.record(bill(user, "3"), key="another").status_code == 201


def test_a_refusal_that_does_not_depend_on_balances_writes_nothing(api: Api) -> None:
    """422 without an operation: the key can be used for another request."""
    machine = make_machine(make_user())
    buyer = fund(make_user(), usd=10)
    purchase = {"type": "machine_copy", "operation_user": buyer.pk, "machine": machine.pk}
    api.get("/v1/operations")
    before = everything()
    response = api.record(purchase, key="copy")
    problem = refused(response, 422, "no_price")
    assert "operation" not in problem
    assert "Location" not in response.headers
    assert everything() == before
    machine.machine_copy_price_usd = "2"
    machine.save()
    assert api.record(purchase, key="copy").status_code == 201


def test_an_unknown_user_is_undecided_and_retryable(api: Api, user: User) -> None:
    """409 with the field; the key can be used again."""
    unknown = user.pk + 1000
    api.get("/v1/operations")
    before = everything()
    response = api.record(top_up(unknown), key="early")
    assert refused(response, 409, "undecided", "operation_user")["retryable"] is True
    assert int(response.headers["Retry-After"]) > 0
    assert everything() == before
    User.objects.create_user(id=unknown, email="late@example.com")
    assert api.record(top_up(unknown), key="early").status_code == 201


def test_an_unknown_machine_is_undecided(api: Api, user: User, nothing_written: None) -> None:
    """The problem names its field."""
    training = {"type": "training", "operation_user": user.pk, "machine": 999_999, "count_of_lines": 1}
    refused(api.record(training), 409, "undecided", "machine")


@pytest.mark.parametrize(("days", "minutes"), [(91, 0), (0, -6)])
def test_an_occurred_at_out_of_bounds_is_refused(
    api: Api, user: User, nothing_written: None, days: int, minutes: int
) -> None:
    """The bounds are 90 days back and 5 minutes ahead."""
    occurred_at = timezone.now() - timedelta(days=days, minutes=minutes)
    refused(api.record(top_up(user, occurred_at=occurred_at.isoformat())), 422, "invalid", "occurred_at")


def test_a_retry_is_answered_however_late_it_comes(api: Api, user: User, settings: LazySettings) -> None:
    """A recorded operation is replayed even if it is out of bounds by now; another body conflicts."""
    sent = top_up(user, occurred_at=(timezone.now() - timedelta(days=1)).isoformat())
    first = api.record(sent, key="late")
    settings.LEDGER_OCCURRED_BACK = timedelta(hours=1)
    before = everything()
    again = api.record(sent, key="late")
    assert (again.status_code, again.json()) == (200, first.json())
    refused(api.record({**sent, "amount": "11"}, key="late"), 409, "conflict", "amount")
    refused(api.record(sent, key="never sent before"), 422, "invalid", "occurred_at")
    assert everything() == before


def test_a_missing_idempotency_key_is_refused(api: Api, user: User, nothing_written: None) -> None:
    """400, before the body is read."""
    response = api.post("/v1/operations", b"{")
    refused(response, 400, "missing_idempotency_key", "Idempotency-Key")
    refused(
        api.post("/v1/operations", top_up(user), headers={"Idempotency-Key": ""}),
        400,
        "missing_idempotency_key",
        "Idempotency-Key",
    )


@pytest.mark.parametrize("key", ["x" * 256, "tab\there", "ünicode", '""', "\x00", "\x7f"])
def test_an_invalid_idempotency_key_is_refused(api: Api, user: User, nothing_written: None, key: str) -> None:
    """A key has 1 to 255 printable ASCII characters."""
    refused(api.record(top_up(user), key=key), 400, "invalid_idempotency_key", "Idempotency-Key")
