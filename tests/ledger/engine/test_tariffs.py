"""Versions of the tariff: two people publish them, and operations are priced with the right one."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from events.message import StoredEvent
from events.models import Event
from ledger.domain import decide
from ledger.engine import deciding
from ledger.engine.posting import post, quote
from ledger.models import ProposedChange, PublishedTariff
from models import Machine, Team, User
from projections.rebuild_rows import rebuild_records
from tests import builders as make
from tests import commands as do
from tests.builders import code_of, counts, fund, make_user, recorded, transfers
from tests.connections import Worker, together, until, waits_for_a_lock
from tests.projections.world import mismatches, project, without_triggers

pytestmark = pytest.mark.django_db(transaction=True)

DAY = timedelta(days=1)


def publish(**what: Any) -> StoredEvent:
    """Publish a version that anna proposed and bert approved; return its event."""
    proposal = recorded(do.propose_tariff(**what))
    assert proposal.type == "proposal.made"
    return recorded(do.approve(proposal.id, subject="tariff"))


def pricing(event: StoredEvent) -> Any:
    return event.data["pricing"]


def test_version_is_proposed_approved_and_takes_effect(user: User, machine: Machine) -> None:
    """Without a date it is in force at once. The event and the row agree."""
    before = recorded(make.solving(machine, user=user, lines=10))
    event = publish(solving_line_eaml="0.50000000")
    assert (event.type, event.stream, event.data["version"]) == ("tariff.published", "tariff:2", 2)
    assert datetime.fromisoformat(event.data["effective_from"]) == event.recorded_at
    row = PublishedTariff.objects.get(version=2)
    assert (row.effective_from, row.published_at) == (event.recorded_at, event.recorded_at)
    assert row.terms == event.data["terms"]
    assert (event.data["proposer"], event.data["resolver"]) == ("anna", "bert")
    after = recorded(make.solving(machine, user=user, lines=10))
    assert [pricing(each)["tariff"] for each in (before, after)] == [1, 2]
    assert transfers(after.data)[0][2] == "5"
    assert pricing(recorded(make.solving(machine, user=user, lines=10, at=before.occurred_at)))["tariff"] == 1
    project()
    assert mismatches() == []


def test_future_version_takes_effect_on_its_day(user: User, machine: Machine) -> None:
    """Each version has its own day; of two from the same moment the later version wins."""
    now = timezone.now()
    publish(since=now + 2 * DAY, solving_line_eaml="2.00000000")
    publish(since=now + DAY, solving_line_eaml="3.00000000")
    publish(since=now + 2 * DAY, solving_line_eaml="4.00000000")
    found = {}
    for days in (0, 1, 2):
        moment = now + days * DAY
        asked = make.solving(machine, user=user, lines=1)
        (outcome,) = post([_at(asked, moment)], clock=partial(_same, moment))
        assert outcome.event is not None
        found[days] = pricing(outcome.event)["tariff"]
    assert found == {0: 1, 1: 3, 2: 4}


def test_no_version_takes_effect_before_it_is_published() -> None:
    """A proposal with a past date, a late approval and a plain INSERT are all refused."""
    now = timezone.now()
    (outcome,) = post([do.propose_tariff(since=now)], clock=lambda: now + timedelta(microseconds=1))
    assert code_of(outcome) == "effective_in_the_past"
    proposal = recorded(do.propose_tariff(since=now + DAY)).id
    (outcome,) = post([do.approve(proposal, subject="tariff")], clock=lambda: now + 2 * DAY)
    assert code_of(outcome) == "effective_in_the_past"
    assert ProposedChange.objects.get(pk=proposal).state == "open"
    assert PublishedTariff.objects.count() == 1
    with pytest.raises(IntegrityError, match="ledger_tariff_not_before_published"), transaction.atomic():
        PublishedTariff.objects.create(
            version=2, effective_from=now - timedelta(microseconds=1), published_at=now, terms={}
        )


def test_published_version_is_never_edited() -> None:
    """The table is append-only."""
    publish(solving_line_eaml="2.00000000")
    changes: list[dict[str, Any]] = [{"terms": {}}, {"effective_from": timezone.now() + DAY}]
    for change in changes:
        with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
            PublishedTariff.objects.filter(version=2).update(**change)
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        PublishedTariff.objects.filter(version=2).delete()


def test_one_person_cannot_publish_alone() -> None:
    """A super admin cannot either, and the route for adjustments does not find the proposal."""
    proposal = recorded(do.propose_tariff()).id
    before = counts()["events_event"]
    for asked, code in (
        (do.approve(proposal, subject="tariff", actor="anna", role="super_admin"), "self_approval"),
        (do.approve(proposal, subject="adjustment"), "proposal_unknown"),
    ):
        (outcome,) = post([asked])
        assert code_of(outcome) == code
    assert counts()["events_event"] == before + 2
    assert PublishedTariff.objects.count() == 1


def test_quote_of_an_approval_publishes_nothing() -> None:
    """The quote shows the version that would be published."""
    proposal = recorded(do.propose_tariff()).id
    before = counts()
    quoted = quote(do.approve(proposal, subject="tariff")).event
    assert quoted is not None
    assert (quoted.type, quoted.data["version"]) == ("tariff.published", 2)
    assert counts() == before


def test_concurrent_approvals_publish_each_proposal_once() -> None:
    """Two approvals of one proposal publish one version; two proposals publish two, one after the other."""
    for round_ in range(5):
        proposals = [recorded(do.propose_tariff()).id for _ in range(2)]
        asked = [(proposals[0], "bert"), (proposals[0], "carl"), (proposals[1], "bert")]
        answers = together(
            *(partial(post, [do.approve(each, subject="tariff", actor=who)]) for each, who in asked)
        )
        codes = [code_of(outcome) for (outcome,) in answers]
        assert (sorted(codes[:2]), codes[2]) == (["proposal_resolved", "recorded"], "recorded")
        versions = list(PublishedTariff.objects.order_by("version").values_list("version", flat=True))
        assert versions == list(range(1, 2 * round_ + 4))


def test_concurrent_approval_and_decline_resolve_a_proposal_once() -> None:
    """A version is published exactly if the approval was first."""
    for _ in range(5):
        proposal, before = recorded(do.propose_tariff()).id, PublishedTariff.objects.count()
        (approved,), (declined,) = together(
            partial(post, [do.approve(proposal, subject="tariff")]),
            partial(post, [do.decline(proposal, subject="tariff", actor="carl")]),
        )
        assert sorted([code_of(approved), code_of(declined)]) == ["proposal_resolved", "recorded"]
        published = PublishedTariff.objects.count() - before
        assert published == (1 if approved.status == "recorded" else 0)


def test_publication_is_posted_alone_at_its_place_in_the_batch(user: User, machine: Machine) -> None:
    """Commands before it are priced with the old version, commands after it with the new one."""
    proposals = [recorded(do.propose_tariff(solving_line_eaml=price)).id for price in ("2", "3")]
    ahead = timezone.now() + timedelta(minutes=4)
    asked = [
        make.solving(machine, user=user, lines=1, at=ahead),
        do.approve(proposals[0], subject="tariff"),
        make.solving(machine, user=user, lines=1, at=ahead),
        make.solving(machine, user=user, lines=2, at=ahead),
        do.approve(proposals[1], subject="tariff"),
        make.solving(machine, user=user, lines=1, at=ahead),
    ]
    events = [outcome.event for outcome in post(asked)]
    versions = [event.data.get("pricing", {}).get("tariff") for event in events if event is not None]
    assert versions == [1, None, 2, 2, None, 3]
    positions = [event.position for event in events if event is not None]
    assert positions == sorted(positions)


# Publishing while operations are priced.


def test_publication_waits_for_operations_that_are_being_priced(
    user: User, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Operations that come later wait for the publication and are priced with it."""
    proposal = recorded(do.propose_tariff(solving_line_eaml="2.00000000")).id
    entered, go_on = threading.Event(), threading.Event()
    other = fund(make_user(), eaml=100)
    ahead = timezone.now() + timedelta(minutes=4)
    with _pause_deciding(monkeypatch, entered, go_on):
        first = Worker(partial(post, [make.solving(machine, user=user, lines=1, at=ahead)]))
        assert entered.wait(10)
    publishing = Worker(partial(post, [do.approve(proposal, subject="tariff")]))
    until(lambda: waits_for_a_lock(1))
    after = Worker(partial(post, [make.solving(machine, user=other, lines=1, at=ahead)]))
    until(lambda: waits_for_a_lock(2))
    go_on.set()
    events = [worker.answer()[0].event for worker in (first, publishing, after)]
    assert [event.position for event in events] == sorted(event.position for event in events)
    assert [event.data.get("pricing", {}).get("tariff") for event in events] == [1, None, 2]


def test_no_operation_is_priced_with_a_replaced_version(
    machine: Machine, no_waiting_for_deadlocks: None
) -> None:
    """Four workers post operations that occur a little later, while ten versions are published."""
    del no_waiting_for_deadlocks
    users = [fund(make_user(), eaml=1000) for _ in range(4)]
    over = threading.Event()

    def work(user: User) -> None:
        while not over.is_set():
            at = timezone.now() + timedelta(minutes=4)
            post([make.solving(machine, user=user, lines=1, at=at) for _ in range(3)])

    workers = [Worker(partial(work, user)) for user in users]
    for number in range(10):
        publish(solving_line_eaml=f"0.0000{number + 1:04}")
    over.set()
    for worker in workers:
        worker.answer()
    latest, priced = 1, 0
    for event in Event.objects.order_by("position"):
        if event.type == "tariff.published":
            latest = event.data["version"]
        elif event.data.get("kind") == "solving":
            assert event.data["pricing"]["tariff"] == latest
            priced += 1
    assert latest == 11
    assert priced > 50


# Terms of a user or a team.


def test_terms_of_a_user_apply_to_that_user_only(user: User, machine: Machine) -> None:
    """They are published and numbered like versions for everybody."""
    event = publish(user=user, solving_line_eaml="0.00005000")
    assert (event.data["version"], event.data["user"]) == (2, user.pk)
    publish(solving_line_eaml="0.00090000")
    own, others = (
        recorded(make.solving(machine, user=each, lines=10)) for each in (user, fund(make_user(), eaml=1))
    )
    assert pricing(own) == {
        "tariff": 3,
        "overrides": [2],
        "unit_price": "0.00005000",
        "quantity": 10,
    }
    assert pricing(others) == {"tariff": 3, "unit_price": "0.00090000", "quantity": 10}
    project()
    assert mismatches() == []


def test_terms_of_a_team_apply_to_its_members_and_its_admin(machine: Machine) -> None:
    """The membership at the time of recording counts. A user's own terms win over the team's."""
    admin, member, left, both = (fund(make_user(), eaml=10) for _ in range(4))
    team = Team.objects.create(name="cheap", admin_user=admin)
    for each in (member, left, both):
        team.add_user_to_team(each)
    publish(team=team.pk, solving_line_eaml="0.00005000", credit_limit_eaml="7.00000000")
    publish(user=both, solving_line_eaml="0.00001000")
    team.remove_user_from_team(left)
    found = {
        name: pricing(recorded(make.solving(machine, user=each, lines=1))).get("overrides")
        for name, each in (("admin", admin), ("member", member), ("left", left), ("both", both))
    }
    assert found == {"admin": [2], "member": [2], "left": None, "both": [2, 3]}


def test_terms_for_an_unknown_user_or_team_are_not_proposed() -> None:
    """An unknown user is undecided, an unknown team is rejected, and no row can have both."""
    before = counts()
    for asked, code in (
        (do.propose_tariff(user=10**12), "undecided"),
        (do.propose_tariff(team=10**12), "unknown_team"),
    ):
        assert quote(asked).status in {"undecided", "rejected"}
        (outcome,) = post([asked])
        assert code_of(outcome) == code
    assert counts()["models_operation"] == before["models_operation"]
    assert PublishedTariff.objects.count() == 1
    now = timezone.now()
    with pytest.raises(IntegrityError, match="ledger_tariff_of_one"), transaction.atomic():
        PublishedTariff.objects.create(
            version=2, effective_from=now, published_at=now, terms={}, user_id=1, team_id=1
        )


def test_teams_are_not_read_if_none_has_terms(user: User, machine: Machine) -> None:
    """Users are not read either, so a batch runs fewer statements."""
    asked = partial(make.solving, machine, user=user, lines=1)
    plain = _statements(asked)
    assert not [sql for sql in plain if "models_team" in sql or "t.user_id = any" in sql]
    publish(user=make_user(), solving_line_eaml="0.00005000")
    of_users = _statements(asked)
    assert not [sql for sql in of_users if "models_team" in sql]
    team = Team.objects.create(name="cheap", admin_user=make_user())
    publish(team=team.pk, solving_line_eaml="0.00005000")
    of_teams = _statements(asked)
    assert [sql for sql in of_teams if "models_team" in sql]
    assert len(plain) < len(of_users) == len(of_teams)


def test_lost_versions_come_back_from_the_log(user: User) -> None:
    """`verify` names the missing row, and a rebuild restores every column."""
    publish(user=user, solving_line_eaml="0.00005000", since=timezone.now() + DAY)
    before = list(PublishedTariff.objects.order_by("version").values())
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("alter table ledger_tariff disable trigger user")
        cursor.execute("delete from ledger_tariff where version = 2")
        cursor.execute("alter table ledger_tariff enable trigger user")
    (found,) = mismatches()
    assert found.endswith("ledger_tariff: expected a row, found no row")
    rebuild_records()
    assert list(PublishedTariff.objects.order_by("version").values()) == before
    assert mismatches() == []


@pytest.mark.parametrize(
    ("path", "value", "expected"),
    [
        (
            "{proposals,%s,resolver}",
            '"anna"',
            r"proposals\.\S+\.resolver: expected a person other than anna, .*",
        ),
        ("{effective_from}", '"2026-01-01T00:00:00+00:00"', r"effective_from: expected .* or later, .*"),
    ],
)
def test_verify_names_versions_that_break_a_rule(path: str, value: str, expected: str) -> None:
    """A changed event shows: approved by its proposer, or in force before it was published."""
    event = publish(solving_line_eaml="0.00005000")
    with without_triggers() as cursor:
        cursor.execute(
            "update events_event set data = jsonb_set(data, %s::text[], %s::jsonb) where id = %s",
            [path.replace("%s", event.data["proposal"]), value, event.id],
        )
    assert any(re.fullmatch(rf".*: {expected}", line) for line in mismatches()), mismatches()


@contextmanager
def _pause_deciding(
    monkeypatch: pytest.MonkeyPatch, entered: threading.Event, go_on: threading.Event
) -> Iterator[None]:
    """Make deciding wait, with everything locked, until `go_on` is set."""
    decide_now = decide.decide

    def wait(*given: Any, **named: Any) -> Any:
        entered.set()
        assert go_on.wait(30)
        return decide_now(*given, **named)

    with monkeypatch.context() as patched:
        patched.setattr(deciding, "decide", wait)
        yield


def _statements(asked: Any) -> list[str]:
    seen: list[str] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if "prepare " not in sql and "explain " not in sql:  # only the first statements of a connection
            seen.append(sql)
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        recorded(asked())
    return seen


def _at(asked: Any, moment: datetime) -> Any:
    return replace(asked, command=replace(asked.command, occurred_at=moment))


def _same(moment: datetime) -> datetime:
    return moment
