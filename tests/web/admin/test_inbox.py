"""The inbox: what waits is shown with who and why, and decided by somebody else."""

from uuid import uuid4

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from events.models import Event
from ledger.models import ProposedChange
from models import User
from tests import builders as make
from tests import commands as do
from tests.projections.world import World, verified

INBOX = "/admin/ledger/proposedchange/"


def _staff(*codenames: str) -> tuple[User, Client]:
    person = User.objects.create_user(email=f"{uuid4().hex}@example.com", password=None, is_staff=True)
    person.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(person)
    return person, client


@pytest.fixture
def proposer(world: World) -> tuple[User, Client]:
    """May propose, approve and look."""
    return _staff("add_proposedchange", "change_proposedchange", "view_user")


@pytest.fixture
def payee(world: World) -> User:
    return make.make_user()


def _proposed(
    client: Client, user: User, amount: str = "1500", reason: str = "a lost parcel"
) -> ProposedChange:
    """Made at the door, above what one of the staff adjusts alone."""
    sent = {
        "key": str(uuid4()),
        "operation_user": user.pk,
        "account": "usd",
        "direction": "up",
        "amount": amount,
        "reason_code": "goodwill",
        "reason": reason,
        "evidence": "https://example.com/tickets/8",
    }
    shown = client.post("/admin/doors/adjust/", sent | {"preview": "yes"})
    assert shown.context["preview"].waits
    assert "needs a second person" in shown.content.decode()
    answer = client.post("/admin/doors/adjust/", sent | {"confirm": "yes"})
    proposal = ProposedChange.objects.latest("pk")
    assert answer.headers["Location"] == f"{INBOX}{proposal.pk}/change/"
    return proposal


def _confirm(client: Client, door: str, proposal: ProposedChange, **more: str) -> str:
    """The code of the refusal, or nothing."""
    sent = {"key": str(uuid4()), "proposal": str(proposal.pk), "confirm": "yes", **more}
    answer = client.post(f"/admin/doors/{door}/", sent)
    return "" if answer.status_code == 302 else answer.context["refusal"].code


def test_what_waits_is_shown_with_who_and_why(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """In the inbox, on its page, and before the door that approves it; the first page counts it."""
    person, client = proposer
    proposal = _proposed(client, payee)
    shown = (
        f"+1500.00000000 USD on user:{payee.pk}:usd",
        str(person.email),
        "goodwill",
        "reason: a lost parcel",
        "evidence: https://example.com/tickets/8",
        f"{proposal.expires_at:%Y-%m-%d %H:%M:%S}",
    )
    inbox = admin.get(INBOX).content.decode()
    page = admin.get(f"{INBOX}{proposal.pk}/change/").content.decode()
    assert all(text in inbox for text in shown)
    assert all(text in page for text in shown)
    before = admin.post("/admin/doors/approve/", {"key": str(uuid4()), "proposal": str(proposal.pk)})
    assert shown[0] in before.content.decode()
    assert "reason: a lost parcel" in before.content.decode()
    assert admin.get("/admin/").content.decode().count("waits for a second person") == 1


def test_approved_by_another_it_is_done(admin: Client, proposer: tuple[User, Client], payee: User) -> None:
    """The user has the money, its page says who proposed and who approved, the books are right."""
    person, client = proposer
    proposal = _proposed(client, payee)
    approve = f'href="/admin/doors/approve/?proposal={proposal.pk}"'
    assert approve in admin.get(INBOX).content.decode()
    assert _confirm(admin, "approve", proposal) == ""
    payee.refresh_from_db()
    assert str(payee.user_balance) == "1500.00000000"
    event = Event.objects.latest("position")
    page = admin.get(f"/admin/models/operation/{event.id}/change/").content.decode()
    admins = admin.session["_auth_user_id"]
    assert f"user:{person.pk}, approved by user:{admins}" in page
    assert "reason: a lost parcel" in page
    assert str(proposal.pk) not in admin.get(INBOX).content.decode()
    assert str(proposal.pk) in admin.get(INBOX, {"state": "approved"}).content.decode()
    assert verified()[1] == []


def test_nobody_approves_his_own(proposer: tuple[User, Client], payee: User) -> None:
    """It is marked, there is no button, and by the address of the door it is refused."""
    _, client = proposer
    proposal = _proposed(client, payee)
    inbox = client.get(INBOX).content.decode()
    assert "yours: somebody else approves it" in inbox
    assert "/admin/doors/approve/" not in inbox
    page = client.get(f"{INBOX}{proposal.pk}/change/").content.decode()
    assert "You proposed this yourself: somebody else approves it." in page
    assert f"{INBOX}{proposal.pk}/approve/" not in page
    assert f"{INBOX}{proposal.pk}/decline/" in page
    assert _confirm(client, "approve", proposal) == "self_approval"
    payee.refresh_from_db()
    assert payee.user_balance == 0


def test_declined_it_is_not_done(admin: Client, proposer: tuple[User, Client], payee: User) -> None:
    """And cannot be approved any more."""
    proposal = _proposed(proposer[1], payee)
    assert _confirm(admin, "decline", proposal, reason="not our parcel") == ""
    assert _confirm(admin, "approve", proposal) == "proposal_resolved"
    page = admin.get(f"{INBOX}{proposal.pk}/change/").content.decode()
    assert "declined" in page
    assert f"{INBOX}{proposal.pk}/approve/" not in page
    payee.refresh_from_db()
    assert payee.user_balance == 0


def test_above_what_a_role_approves_is_refused(proposer: tuple[User, Client], payee: User) -> None:
    """One of the staff approves less than a super administrator."""
    proposal = _proposed(proposer[1], payee, "20000")
    _, other = _staff("change_proposedchange")
    assert _confirm(other, "approve", proposal) == "above_role"


def test_who_may_only_propose_does_not_approve(proposer: tuple[User, Client], payee: User) -> None:
    """Two permissions: one to propose, one to decide."""
    proposal = _proposed(proposer[1], payee)
    _, other = _staff("add_proposedchange", "view_proposedchange")
    assert "/admin/doors/" not in other.get(INBOX).content.decode().replace("/admin/doors/adjust/", "")
    sent = {"key": str(uuid4()), "proposal": str(proposal.pk), "confirm": "yes"}
    assert other.post("/admin/doors/approve/", sent).status_code == 403
    assert other.post("/admin/doors/decline/", sent | {"reason": "no"}).status_code == 403


def test_a_longer_inbox_asks_no_more_questions(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """People and texts of a page are read at once."""
    _proposed(proposer[1], payee)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            admin.get(INBOX)
        return len(asked)

    before = queries()
    for _ in range(3):
        make.recorded(do.adjust(make.make_user(), "usd", 3000, actor="user:1"))
    assert queries() == before


def test_a_write_off_takes_what_is_due_away(admin: Client, world: World) -> None:
    """From the button on the user's page."""
    world.debtor.refresh_from_db()
    button = f"/admin/models/user/{world.debtor.pk}/adjust-due-eaml-down-write-off/"
    assert button in admin.get(f"/admin/models/user/{world.debtor.pk}/change/").content.decode()
    form = admin.get(admin.get(button).headers["Location"]).context["form"]
    sent = {name: form[name].value() or "" for name in form.fields}
    sent |= {"amount": "0.5", "reason": "uncollectable", "confirm": "yes"}
    assert admin.post("/admin/doors/adjust/", sent).status_code == 302
    event = Event.objects.latest("position")
    assert event.data["transfers"] == [
        {
            "debit": "platform:losses:eaml",
            "credit": f"user:{world.debtor.pk}:due:eaml",
            "currency": "EAML",
            "amount": "0.50000000",
        },
    ]
