"""The rules about who may see what, for the API and the administration.

- A machine is visible to its owner, and to the members and the admin of its team.
- An operation is visible to everybody who may see its machine, to the user who ran it, and to the user
  who owned the machine at that time.
- A user's statement is visible to that user. A machine's statement consists of the entries of its
  operations on the account of the machine's owner; it is visible to everybody who may see the machine.

Staff see what their Django permissions allow, and super administrators see everything. Users who are
inactive or not signed in see nothing.
"""

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Q, QuerySet

from models.billing import Entry, Operation
from models.machine import Machine
from models.team import Team
from models.user import User


def machines_seen_by(viewer: User | AnonymousUser) -> QuerySet[Machine]:
    """Return the machines that the viewer may see."""
    if not viewer.is_active:
        return Machine.objects.none()
    if _may_see_all(viewer, "machine"):
        return Machine.objects.all()
    return Machine.objects.filter(_is_own_machine(viewer))


def operations_seen_by(viewer: User | AnonymousUser) -> QuerySet[Operation]:
    """Return the operations that the viewer may see."""
    if not viewer.is_active:
        return Operation.objects.none()
    if _may_see_all(viewer, "operation"):
        return Operation.objects.all()
    return Operation.objects.filter(
        Q(operation_user=viewer.pk)
        | Q(machine_owner=viewer.pk)
        | Q(machine__in=Machine.objects.filter(_is_own_machine(viewer)))
    )


def entries_seen_by(viewer: User | AnonymousUser) -> QuerySet[Entry]:
    """Return the entries that the viewer may see: their own, and those of the machines of their teams.

    The balance after an entry is private to the account's holder: show it only if
    ``may_see_user_statement`` returns true.
    """
    if not viewer.is_active:
        return Entry.objects.none()
    if _may_see_all(viewer, "entry"):
        return Entry.objects.all()
    return Entry.objects.filter(
        Q(user=viewer.pk)
        | Q(
            user=F("operation__machine_owner"),
            operation__machine__in=Machine.objects.filter(_is_own_machine(viewer)),
        )
    )


def machine_statement(machine: Machine) -> QuerySet[Entry]:
    """Return the entries of the machine's operations on the account of its owner at that time."""
    return Entry.objects.filter(operation__machine=machine, user=F("operation__machine_owner"))


def may_see_machine(viewer: User | AnonymousUser, machine: Machine) -> bool:
    """Return whether the viewer may see the machine, and with it its works, graphs and statement."""
    return machines_seen_by(viewer).filter(pk=machine.pk).exists()


def may_see_operation(viewer: User | AnonymousUser, operation: Operation) -> bool:
    """Return whether the viewer may see the operation."""
    return operations_seen_by(viewer).filter(pk=operation.pk).exists()


def may_see_user_statement(viewer: User | AnonymousUser, user: User) -> bool:
    """Return whether the viewer may see the user's balances and every entry of their accounts."""
    return bool(viewer.is_active and (viewer.pk == user.pk or _may_see_all(viewer, "entry")))


def holds_rights(user: User) -> bool:
    """Return whether the user has a role, a group or a permission."""
    return bool(
        user.is_staff
        or user.is_superuser
        or user.is_super_admin
        or user.groups.exists()
        or user.user_permissions.exists()
    )


def may_manage_account(actor: User | AnonymousUser, user: User) -> bool:
    """Return whether the actor may change the address, password, flags, groups or keys of a user.

    Only a superuser may if the user holds any right. With a new password the actor could otherwise use a
    right that they lack, or approve their own proposals as a second person.
    """
    return bool(actor.is_active and (actor.is_superuser or not holds_rights(user)))


def may_approve(person: User | AnonymousUser) -> bool:
    """Return whether the person may approve the proposals of others."""
    staff = person.is_active and (person.is_staff or person.is_superuser)
    return bool(staff and person.has_perm("ledger.change_proposedchange"))


def _is_own_machine(viewer: User | AnonymousUser) -> Q:
    return Q(machine_owner_user=viewer.pk) | Q(machine_owner_team__in=Team.objects.ids_of(viewer))


def _may_see_all(viewer: User | AnonymousUser, table: str) -> bool:
    return bool(
        getattr(viewer, "is_super_admin", False)
        or ((viewer.is_staff or viewer.is_superuser) and viewer.has_perm(f"models.view_{table}"))
    )
