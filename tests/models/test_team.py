"""Teams: members, permissions, invitations and machines."""

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from models import Machine, Team, TeamInvitationAcceptance, User
from models.errors import InvitationRefused
from tests.models.conftest import new_machine

pytestmark = pytest.mark.django_db


def permission_of(team: Team) -> str:
    assert team.permission is not None
    return f"models.{team.permission.codename}"


def test_a_team_is_created_as_in_the_document(owner: User) -> None:
    """Create it, create its permission, add the user."""
    team = Team.objects.create(name="Data Science Team", admin_user=owner)
    permission = team.create_permission()
    team.users.add(owner)
    team.refresh_from_db()
    assert team.permission == permission
    assert list(owner.Teams.all()) == [team]


def test_a_permission_is_created_once(team: Team) -> None:
    """A second call returns the same one."""
    before = Permission.objects.count()
    assert team.create_permission() == team.create_permission()
    assert Permission.objects.count() == before


def test_earlier_members_get_the_permission(owner: User, buyer: User) -> None:
    """Members that were added through the relation alone get it when it is created."""
    team = Team.objects.create(name="T", admin_user=owner)
    team.users.add(buyer)
    team.create_permission()
    assert User.objects.get(pk=buyer.pk).has_perm(permission_of(team))


def test_adding_and_removing_a_member_grants_and_revokes_the_permission(team: Team, buyer: User) -> None:
    """It takes effect immediately, even if the user object has cached its permissions."""
    assert not buyer.has_perm(permission_of(team))
    team.add_user_to_team(buyer)
    assert buyer in team.users.all()
    assert buyer.has_perm(permission_of(team))
    team.remove_user_from_team(buyer)
    assert buyer not in team.users.all()
    assert not buyer.has_perm(permission_of(team))


def test_adding_a_member_twice_adds_them_once(team: Team, buyer: User) -> None:
    team.add_user_to_team(buyer)
    team.add_user_to_team(buyer)
    assert team.users.filter(pk=buyer.pk).count() == 1


def test_two_teams_have_two_permissions(owner: User, buyer: User) -> None:
    """A member of one does not have the other's."""
    first, second = owner.create_team("First"), owner.create_team("Second")
    first.add_user_to_team(buyer)
    assert buyer.has_perm(permission_of(first))
    assert not buyer.has_perm(permission_of(second))


def test_renaming_to_a_used_name_is_refused(owner: User) -> None:
    """save() refuses it, and so does the database."""
    owner.create_team("First")
    second = owner.create_team("Second")
    second.name = "First"
    with pytest.raises(ValidationError):
        second.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.filter(pk=second.pk).update(name="First")
    second.refresh_from_db()
    assert second.name == "Second"


def test_an_invitation_admits_a_user(team: Team, buyer: User) -> None:
    """A user with the link becomes a member and gets the permission."""
    link = team.generate_link()
    assert Team.objects.get(url=link) == team
    assert Team.accept_invitation(link, buyer) == team
    assert buyer in team.users.all()
    assert buyer.has_perm(permission_of(team))


def test_an_invitation_cannot_be_guessed(team: Team, settings: object) -> None:
    """Each is new, with 32 random bytes."""
    links = {team.generate_link() for _ in range(50)}
    assert len(links) == 50
    assert all(len(link.rsplit("/", 1)[1]) == 43 for link in links)


def test_an_invitation_works_once_for_each_user(team: Team, buyer: User, stranger: User) -> None:
    """A member who was removed cannot return with the old link."""
    link = team.generate_link()
    Team.accept_invitation(link, buyer)
    Team.accept_invitation(link, stranger)
    team.remove_user_from_team(buyer)
    with pytest.raises(InvitationRefused, match="already"):
        Team.accept_invitation(link, buyer)
    assert buyer not in team.users.all()
    assert TeamInvitationAcceptance.objects.count() == 2
    Team.accept_invitation(team.generate_link(), buyer)
    assert buyer in team.users.all()


@pytest.mark.parametrize("wrong", ["", "https://easyautoml.com/teams/join/x", "nonsense"])
def test_an_unknown_link_admits_no_one(team: Team, buyer: User, wrong: str) -> None:
    """Neither does the empty link, although teams without a link have none."""
    with pytest.raises(InvitationRefused, match="not valid"):
        Team.accept_invitation(wrong, buyer)
    assert not TeamInvitationAcceptance.objects.exists()


def test_a_revoked_link_admits_no_one(team: Team, buyer: User) -> None:
    """It is revoked explicitly, or replaced by a new link."""
    first = team.generate_link()
    second = team.generate_link()
    team.revoke_link()
    for link in (first, second):
        with pytest.raises(InvitationRefused):
            Team.accept_invitation(link, buyer)
    assert buyer not in team.users.all()
    assert Team.objects.get(pk=team.pk).url is None


def test_the_link_is_not_stored_with_its_users(team: Team, buyer: User) -> None:
    """Only its digest is."""
    link = team.generate_link()
    Team.accept_invitation(link, buyer)
    stored = TeamInvitationAcceptance.objects.get()
    assert link not in str(vars(stored))
    assert str(stored).startswith("buyer@example.org joined Data Science Team at ")


def test_links_lead_to_the_page_in_the_settings(team: Team, settings: pytest.FixtureRequest) -> None:
    """The page accepts invitations."""
    settings.TEAM_INVITATION_URL = "https://ledger.example/join"  # type: ignore[attr-defined]
    assert team.generate_link().startswith("https://ledger.example/join/")


def test_deleting_a_team_releases_its_machines(team: Team, owner: User) -> None:
    """They stay with their owners; the permission is deleted."""
    machine = new_machine(owner, machine_owner_team=team)
    permission = team.permission
    assert permission is not None
    team.delete()
    machine.refresh_from_db()
    assert machine.machine_owner_team is None
    assert not Permission.objects.filter(pk=permission.pk).exists()
    assert not owner.user_permissions.exists()


def test_deleting_many_teams_releases_their_machines_too(owner: User) -> None:
    """The result has Django's shape."""
    machine = new_machine(owner, machine_owner_team=owner.create_team("A"))
    owner.create_team("B")
    _, by_table = Team.objects.all().delete()
    assert by_table["models.Team"] == 2
    assert by_table["auth.Permission"] == 2
    assert Machine.objects.get(pk=machine.pk).machine_owner_team is None
