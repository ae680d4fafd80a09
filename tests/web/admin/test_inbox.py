"""The inbox: open proposals are shown with proposer and reason, and resolved by a second person."""

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
    """Staff who may propose, resolve and view."""
    return _staff("add_proposedchange", "change_proposedchange", "view_user")


@pytest.fixture
def payee(world: World) -> User:
    return make.make_user()


def _proposed(
    client: Client, user: User, amount: str = "1500", reason: str = "a lost parcel"
) -> ProposedChange:
    """Propose an adjustment on the command page, above the limit of staff."""
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
    assert shown.context["preview"].needs_approval
    assert "needs a second person" in shown.content.decode()
    answer = client.post("/admin/doors/adjust/", sent | {"confirm": "yes"})
    proposal = ProposedChange.objects.latest("pk")
    assert answer.headers["Location"] == f"{INBOX}{proposal.pk}/change/"
    return proposal


def _confirm(client: Client, command: str, proposal: ProposedChange, **more: str) -> str:
    """Confirm a command about the proposal; return the code of the problem, or an empty text."""
    sent = {"key": str(uuid4()), "proposal": str(proposal.pk), "confirm": "yes", **more}
    answer = client.post(f"/admin/doors/{command}/", sent)
    return "" if answer.status_code == 302 else answer.context["problem"].code


def test_an_open_proposal_is_shown_with_proposer_and_reason(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """The inbox, its own page and the command page show them, and the first page counts it."""
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


def test_approval_by_a_second_person_executes_it(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """The user has the money, and the operation's page names the proposer and the approver."""
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


def test_a_proposer_cannot_approve_their_own_proposal(proposer: tuple[User, Client], payee: User) -> None:
    """It is marked as theirs and has no button, and the command page refuses it."""
    _, client = proposer
    proposal = _proposed(client, payee)
    inbox = client.get(INBOX).content.decode()
    assert "Yours: another person must approve it." in inbox
    assert "/admin/doors/approve/" not in inbox
    page = client.get(f"{INBOX}{proposal.pk}/change/").content.decode()
    assert "Yes: another person must approve it." in page
    assert f"{INBOX}{proposal.pk}/approve/" not in page
    assert f"{INBOX}{proposal.pk}/decline/" in page
    assert _confirm(client, "approve", proposal) == "self_approval"
    payee.refresh_from_db()
    assert payee.user_balance == 0


def test_a_declined_proposal_changes_nothing(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """It cannot be approved any more."""
    proposal = _proposed(proposer[1], payee)
    assert _confirm(admin, "decline", proposal, reason="not our parcel") == ""
    assert _confirm(admin, "approve", proposal) == "proposal_resolved"
    page = admin.get(f"{INBOX}{proposal.pk}/change/").content.decode()
    assert "declined" in page
    assert f"{INBOX}{proposal.pk}/approve/" not in page
    payee.refresh_from_db()
    assert payee.user_balance == 0


def test_approval_above_the_limit_of_a_role_is_refused(proposer: tuple[User, Client], payee: User) -> None:
    """The limit of staff is below that of a super administrator."""
    proposal = _proposed(proposer[1], payee, "20000")
    _, other = _staff("change_proposedchange")
    assert _confirm(other, "approve", proposal) == "above_role"


def test_the_permission_to_propose_does_not_allow_approval(
    proposer: tuple[User, Client], payee: User
) -> None:
    """Resolving a proposal needs a permission of its own."""
    proposal = _proposed(proposer[1], payee)
    _, other = _staff("add_proposedchange", "view_proposedchange")
    assert "/admin/doors/" not in other.get(INBOX).content.decode().replace("/admin/doors/adjust/", "")
    sent = {"key": str(uuid4()), "proposal": str(proposal.pk), "confirm": "yes"}
    assert other.post("/admin/doors/approve/", sent).status_code == 403
    assert other.post("/admin/doors/decline/", sent | {"reason": "no"}).status_code == 403


def test_a_longer_inbox_makes_no_more_queries(
    admin: Client, proposer: tuple[User, Client], payee: User
) -> None:
    """Users and notes of a page are read with one query each."""
    _proposed(proposer[1], payee)

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(INBOX)
        return len(captured)

    before = queries()
    for _ in range(3):
        make.recorded(do.adjust(make.make_user(), "usd", 3000, actor="user:1"))
    assert queries() == before


def test_a_write_off_lowers_a_debt(admin: Client, world: World) -> None:
    """It starts with the button on the user's page."""
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
