"""Access rules for machines, operations and statements."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser, Permission

from models import Credit, Entry, Machine, Operation, Team, User
from models.access import (
    entries_seen_by,
    machine_statement,
    machines_seen_by,
    may_see_machine,
    may_see_operation,
    may_see_user_statement,
    operations_seen_by,
)
from tests.models.conftest import new_machine, new_user
from tests.models.test_posting import train

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(team: Team) -> User:
    user = new_user("member")
    team.add_user_to_team(user)
    return user


@pytest.fixture
def team_machine(owner: User, team: Team) -> Machine:
    return new_machine(owner, machine_name="Shared", machine_owner_team=team)


@pytest.fixture
def operation(team_machine: Machine, owner: User) -> Operation:
    """A training that the owner pays for."""
    return train(team_machine, owner)


def test_a_member_sees_the_teams_machine_and_its_operations(
    member: User, team_machine: Machine, operation: Operation
) -> None:
    """Nothing else of the owner's is visible to them."""
    alone = new_machine(team_machine.machine_owner_user, machine_name="Private")
    private = train(alone, alone.machine_owner_user)
    assert list(machines_seen_by(member)) == [team_machine]
    assert list(operations_seen_by(member)) == [operation]
    assert may_see_machine(member, team_machine)
    assert may_see_operation(member, operation)
    assert not may_see_machine(member, alone)
    assert not may_see_operation(member, private)


def test_a_member_sees_the_machines_statement_and_not_the_owners(
    member: User, owner: User, team_machine: Machine, operation: Operation
) -> None:
    """They see the costs and income of the machine, and no other entries of the owner's accounts."""
    Credit.objects.create(user=owner, amount=5)
    of_machine = Entry.objects.filter(operation=operation, user=owner)
    assert set(machine_statement(team_machine)) == set(of_machine)
    assert set(entries_seen_by(member)) == set(of_machine)
    assert not may_see_user_statement(member, owner)
    assert may_see_user_statement(owner, owner)
    assert set(entries_seen_by(owner)) == set(Entry.objects.filter(user=owner))


def test_the_admin_of_a_team_sees_what_its_members_see(owner: User, buyer: User) -> None:
    """The admin here is not a member."""
    team = Team.objects.create(name="T", admin_user=buyer)
    shared = new_machine(owner, machine_owner_team=team)
    assert may_see_machine(buyer, shared)
    assert list(machines_seen_by(buyer)) == [shared]


def test_a_viewer_with_two_roles_sees_everything_once(owner: User, team: Team, team_machine: Machine) -> None:
    """The owner is also the admin and a member of the team."""
    operation = train(team_machine, owner)
    assert list(machines_seen_by(owner)) == [team_machine]
    assert list(operations_seen_by(owner)) == [operation]


def test_a_stranger_sees_nothing(stranger: User, team_machine: Machine, operation: Operation) -> None:
    assert not machines_seen_by(stranger).exists()
    assert not operations_seen_by(stranger).exists()
    assert not entries_seen_by(stranger).exists()
    assert not may_see_user_statement(stranger, team_machine.machine_owner_user)


def test_a_former_member_sees_nothing(
    member: User, team: Team, team_machine: Machine, operation: Operation
) -> None:
    """Access ends immediately."""
    team.remove_user_from_team(member)
    assert not may_see_machine(member, team_machine)
    assert not may_see_operation(member, operation)
    assert not entries_seen_by(member).exists()


def test_the_user_who_ran_an_operation_sees_it_but_not_the_machine(
    owner: User, buyer: User, machine: Machine
) -> None:
    """They pay for it and find it on their statement, but the machine belongs to the owner."""
    buyer_pays = Operation.objects.create(
        machine=machine,
        machine_owner=owner,
        operation_user=buyer,
        is_solving_operation=True,
        count_of_lines=10,
    )
    assert list(operations_seen_by(buyer)) == [buyer_pays]
    assert not may_see_machine(buyer, machine)
    assert may_see_operation(owner, buyer_pays)
    assert set(entries_seen_by(buyer)) == set(Entry.objects.filter(user=buyer))
    assert not entries_seen_by(owner).exists()


def test_an_operation_stays_visible_when_its_machine_is_deleted(
    owner: User, member: User, team_machine: Machine, operation: Operation
) -> None:
    """Its user and the former owner see it; the team's members saw it only through the machine."""
    team_machine.delete()
    assert may_see_operation(owner, operation)
    assert not may_see_operation(member, operation)


@pytest.mark.parametrize("seen_by", [machines_seen_by, operations_seen_by, entries_seen_by])
@pytest.mark.parametrize(
    ("fields", "everything"),
    [
        ({"is_super_admin": True}, True),
        ({"is_superuser": True}, True),
        ({"is_staff": True}, False),
        ({"is_super_admin": True, "is_superuser": True, "is_active": False}, False),
    ],
    ids=["super admin", "superuser", "staff", "inactive"],
)
def test_administrators_see_everything_while_they_are_active(
    operation: Operation, seen_by: Callable[[User], Any], fields: dict[str, bool], everything: bool
) -> None:
    """Being staff gives no further rights."""
    admin = new_user("admin", **fields)
    assert seen_by(admin).exists() is everything
    assert may_see_user_statement(admin, operation.operation_user or admin) is everything


def test_staff_see_what_their_permissions_allow(operation: Operation) -> None:
    """Each table has its own permission."""
    clerk = new_user("clerk", is_staff=True)
    clerk.user_permissions.add(Permission.objects.get(codename="view_operation"))
    assert may_see_operation(clerk, operation)
    assert not machines_seen_by(clerk).exists()
    assert not entries_seen_by(clerk).exists()


def test_an_inactive_or_anonymous_viewer_sees_nothing(owner: User, operation: Operation) -> None:
    """An inactive user does not even see what is theirs."""
    owner.is_active = False
    owner.save()
    for viewer in (owner, AnonymousUser()):
        assert not machines_seen_by(viewer).exists()
        assert not operations_seen_by(viewer).exists()
        assert not entries_seen_by(viewer).exists()
        assert not may_see_user_statement(viewer, owner)
