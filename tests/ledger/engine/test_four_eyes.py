"""Four eyes through the engine: concurrent approvals and declines, and the daily limit of one actor."""

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from events.models import Event
from ledger.engine.posting import post, quote
from ledger.expiry import sweep_overdue
from ledger.models import AdjustedAlone, ProposedChange
from ledger.queries.proposals import open_proposals
from models import User
from projections.rebuild_balances import rebuild_balances
from tests import commands as do
from tests.builders import amount, code_of, counts, make_user, on_user, recorded
from tests.connections import together
from tests.projections.world import mismatches

pytestmark = pytest.mark.django_db(transaction=True)


def propose(user: User, change: str = "2000") -> str:
    """Propose an adjustment as anna; return the id of the proposal."""
    event = recorded(do.adjust(user, "usd", change))
    assert (event.type, event.stream) == ("proposal.made", f"proposal:{event.id}")
    return event.id


def test_approved_proposal_becomes_an_operation(user: User) -> None:
    """No money moves before the approval."""
    proposal = propose(user)
    assert on_user(user)[0] == 100
    event = recorded(do.approve(proposal))
    assert (event.type, event.stream) == ("operation.recorded", f"operation:{event.id}")
    assert on_user(user)[0] == 2100
    row = ProposedChange.objects.get(pk=proposal)
    assert (row.state, row.proposer, row.resolver) == ("approved", "anna", "bert")


def test_concurrent_approvals_adjust_once(user: User) -> None:
    """The second approver learns that the proposal is resolved."""
    for _ in range(10):
        proposal, before = propose(user, "1001"), on_user(user)[0]
        answers = together(*(partial(post, [do.approve(proposal, actor=who)]) for who in ("bert", "carl")))
        assert sorted(code_of(outcome) for (outcome,) in answers) == ["proposal_resolved", "recorded"]
        assert on_user(user)[0] == before + 1001


def test_concurrent_approval_and_decline_resolve_a_proposal_once(user: User) -> None:
    """The first counts; the other learns that the proposal is resolved."""
    for _ in range(10):
        proposal, before = propose(user, "1001"), on_user(user)[0]
        (approved,), (declined,) = together(
            partial(post, [do.approve(proposal, actor="bert")]),
            partial(post, [do.decline(proposal, actor="carl")]),
        )
        assert sorted([code_of(approved), code_of(declined)]) == ["proposal_resolved", "recorded"]
        state = ProposedChange.objects.get(pk=proposal).state
        assert state == ("approved" if approved.status == "recorded" else "declined")
        assert on_user(user)[0] == before + (1001 if state == "approved" else 0)


def test_concurrent_adjustments_stay_within_the_limit_of_their_actor() -> None:
    """Of four times 400, on different users, two are recorded and two become proposals."""
    for round_ in range(5):
        actor = f"anna {round_}"
        users = [make_user() for _ in range(4)]
        answers = together(*(partial(post, [do.adjust(user, "usd", 400, actor=actor)]) for user in users))
        types = [outcome.event.type for (outcome,) in answers if outcome.event is not None]
        assert sorted(types) == ["operation.recorded"] * 2 + ["proposal.made"] * 2
        assert sorted(on_user(user)[0] for user in users) == [0, 0, 400, 400]
        assert AdjustedAlone.objects.get(actor=actor).amount == 800


def test_limit_includes_earlier_adjustments_of_the_batch(user: User) -> None:
    """The decisions of a batch see each other, although nothing is in the database yet."""
    outcomes = post([do.adjust(user, "usd", change) for change in ("600", "-300", "200")])
    assert [outcome.event.type for outcome in outcomes if outcome.event is not None] == [
        "operation.recorded",
        "operation.recorded",
        "proposal.made",
    ]


def test_limit_applies_to_the_day_of_recording(user: User) -> None:
    """If midnight passes during the decision, the clock is still read only once."""
    today = timezone.now().astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    midnight = today + timedelta(days=2)
    before, after = midnight - timedelta(microseconds=1), midnight
    post([do.adjust(user, "usd", 900)], clock=lambda: before)
    post([do.adjust(make_user(), "usd", 900)], clock=lambda: after)

    looks = iter([before, after, after, after])
    (outcome,) = post([do.adjust(make_user(), "usd", 200)], clock=lambda: next(looks))
    assert outcome.event is not None
    assert outcome.event.type == "proposal.made"
    kept = AdjustedAlone.objects.filter(actor="anna").order_by("day").values_list("day", "amount")
    assert list(kept) == [(before.date(), amount(900)), (after.date(), amount(900))]


def test_check_constraint_forbids_approving_an_own_proposal(user: User) -> None:
    """The database refuses the row whatever the engine decides."""
    proposal = propose(user)
    rows = ProposedChange.objects.filter(pk=proposal)
    with pytest.raises(IntegrityError, match="ledger_proposal_four_eyes"), transaction.atomic():
        rows.update(state="approved", resolver="anna")
    rows.update(state="declined", resolver="anna")


def test_proposer_cannot_approve(user: User) -> None:
    """The rejection has the code `self_approval`, and the proposal stays open."""
    proposal = propose(user)
    (outcome,) = post([do.approve(proposal, actor="anna")])
    assert code_of(outcome) == "self_approval"
    assert on_user(user)[0] == 100
    assert ProposedChange.objects.get(pk=proposal).state == "open"


def test_expired_proposal_is_neither_listed_nor_approved(user: User) -> None:
    """Until the moment of expiry it is listed."""
    proposal = propose(user)
    expires_at = ProposedChange.objects.get(pk=proposal).expires_at
    just_before = expires_at - timedelta(microseconds=1)
    assert [each.id for each in open_proposals(at=just_before)] == [proposal]
    assert open_proposals(at=expires_at) == []
    (outcome,) = post([do.approve(proposal)], clock=lambda: expires_at)
    assert code_of(outcome) == "proposal_expired"
    assert on_user(user)[0] == 100


def test_sweep_records_expired_proposals_once(user: User) -> None:
    """The event occurs at the time of expiry and has a key of its own. The users' accounts may be empty."""
    other = make_user()
    proposals = [propose(user), propose(other)]
    expires_at = ProposedChange.objects.latest("expires_at").expires_at
    assert sweep_overdue(now=expires_at + timedelta(hours=1)) == 2
    assert sweep_overdue(now=expires_at) == 0
    assert set(ProposedChange.objects.filter(pk__in=proposals).values_list("state", "resolver")) == {
        ("expired", None)
    }
    events = Event.objects.filter(type="proposal.expired").order_by("position")
    assert [event.data["proposal"] for event in events] == proposals
    assert {event.metadata["actor"] for event in events} == {"ledger"}
    assert max(event.occurred_at for event in events) == expires_at
    (outcome,) = post([do.approve(proposals[0])], clock=lambda: expires_at)
    assert code_of(outcome) == "proposal_expired"


def test_proposal_of_a_deleted_user_expires() -> None:
    """With the deletion, and not once more when its time is over."""
    gone = make_user()
    proposal = propose(gone)
    gone.delete()
    assert ProposedChange.objects.get(pk=proposal).state == "expired"
    assert sweep_overdue(now=timezone.now() + timedelta(days=8)) == 0
    assert ProposedChange.objects.get(pk=proposal).state == "expired"


def test_concurrent_approval_and_sweep_resolve_a_proposal_once(user: User) -> None:
    """The first counts."""
    for _ in range(10):
        proposal, before = propose(user, "1001"), on_user(user)[0]
        expires_at = ProposedChange.objects.get(pk=proposal).expires_at
        in_time = expires_at - timedelta(microseconds=1)
        answers: list[Any] = together(
            partial(post, [do.approve(proposal)], clock=partial(_same, in_time)),
            partial(sweep_overdue, now=expires_at),
        )
        state = ProposedChange.objects.get(pk=proposal).state
        found = code_of(answers[0][0]), state
        assert found in {("recorded", "approved"), ("proposal_expired", "expired")}
        assert on_user(user)[0] == before + (1001 if state == "approved" else 0)


def test_every_rejected_approval_is_an_event_with_its_actor(user: User) -> None:
    """Approvals by the proposer, above the role, of a resolved and of an expired proposal are rejected."""
    own, resolved, expired = (propose(user) for _ in range(3))
    recorded(do.decline(resolved))
    late = timezone.now() + timedelta(days=8)
    for asked, code, now in (
        (do.approve(own, actor="anna"), "self_approval", timezone.now()),
        (do.approve(own, approve_max=amount(1999)), "above_role", timezone.now()),
        (do.approve(resolved), "proposal_resolved", timezone.now()),
        (do.approve(expired), "proposal_expired", late),
    ):
        (outcome,) = post([asked], clock=partial(_same, now))
        assert code_of(outcome) == code
        assert outcome.event is not None
        assert (outcome.event.type, outcome.event.metadata["actor"]) == ("operation.rejected", "test")
        assert outcome.event.data["kind"] == "adjustment"


def test_lost_proposals_are_restored_from_the_log(user: User) -> None:
    """They are of a user, of a user with empty accounts, and of no user. `verify` finds each of them."""
    proposals = [propose(user), propose(make_user()), recorded(do.propose_tariff()).id]
    recorded(do.decline(proposals[0]))
    before = list(ProposedChange.objects.order_by("id").values())
    changes: list[tuple[dict[str, Any], int]] = [({"state": "open"}, 1), ({"subject": "period"}, 3)]
    for change, differing in changes:
        ProposedChange.objects.filter(pk__in=proposals).update(**change)
        assert len(mismatches()) == differing
        rebuild_balances()
        assert list(ProposedChange.objects.order_by("id").values()) == before
    ProposedChange.objects.filter(pk__in=proposals).delete()
    assert len(mismatches()) == 3
    rebuild_balances()
    assert list(ProposedChange.objects.order_by("id").values()) == before
    assert mismatches() == []


def test_quote_of_an_adjustment_uses_nothing_of_the_limit(user: User) -> None:
    """The quote shows whether the adjustment would become a proposal."""
    before = counts()
    for change, type_ in (("1000", "operation.recorded"), ("1000.00000001", "proposal.made")):
        quoted = quote(do.adjust(user, "usd", change)).event
        assert quoted is not None
        assert quoted.type == type_
    assert counts() == before
    assert not AdjustedAlone.objects.filter(actor="anna").exists()


def test_proposal_for_a_deleted_user_cannot_be_approved() -> None:
    """No money can arrive on closed accounts, and the answer is final."""
    gone = make_user()
    proposal = propose(gone)
    gone.delete()
    before = counts()["models_entry"]
    (outcome,) = post([do.approve(proposal)])
    assert (outcome.status, code_of(outcome)) == ("rejected", "proposal_expired")
    assert counts()["models_entry"] == before


def _same(moment: datetime) -> datetime:
    return moment
