"""Who may see what: asked here and nowhere else, by the API and by the admin.

- A machine: its owner, and the members and the admin of its team.
- An operation: who may see its machine, who ran it, and who owned the machine then.
- A user's statement: that user. A machine's statement, which is the entries of its operations
  on the account of the machine's owner: who may see the machine.

Staff see what their Django permissions let them see, super administrators everything; who is
inactive or not signed in sees nothing.
"""

from django.contrib.auth.models import AnonymousUser
from django.db.models import F, Q, QuerySet

from models.billing import Entry, Operation
from models.machine import Machine
from models.team import Team
from models.user import User


def machines_seen_by(viewer: User | AnonymousUser) -> QuerySet[Machine]:
    """The machines that the viewer may see."""
    if not viewer.is_active:
        return Machine.objects.none()
    if _sees_all(viewer, "machine"):
        return Machine.objects.all()
    return Machine.objects.filter(_own_machine(viewer))


def operations_seen_by(viewer: User | AnonymousUser) -> QuerySet[Operation]:
    """The operations that the viewer may see."""
    if not viewer.is_active:
        return Operation.objects.none()
    if _sees_all(viewer, "operation"):
        return Operation.objects.all()
    return Operation.objects.filter(
        Q(operation_user=viewer.pk)
        | Q(machine_owner=viewer.pk)
        | Q(machine__in=Machine.objects.filter(_own_machine(viewer)))
    )


def entries_seen_by(viewer: User | AnonymousUser) -> QuerySet[Entry]:
    """The entries that the viewer may see: his own, and those of his teams' machines' statements.

    The balances after an entry are the account holder's alone: show them where
    ``may_see_user_statement`` says yes.
    """
    if not viewer.is_active:
        return Entry.objects.none()
    if _sees_all(viewer, "entry"):
        return Entry.objects.all()
    return Entry.objects.filter(
        Q(user=viewer.pk)
        | Q(
            user=F("operation__machine_owner"),
            operation__machine__in=Machine.objects.filter(_own_machine(viewer)),
        )
    )


def machine_statement(machine: Machine) -> QuerySet[Entry]:
    """The entries of the machine's operations on the account of whoever owned it then."""
    return Entry.objects.filter(operation__machine=machine, user=F("operation__machine_owner"))


def may_see_machine(viewer: User | AnonymousUser, machine: Machine) -> bool:
    """Whether the viewer may see the machine, and so its works, graphs and statement."""
    return machines_seen_by(viewer).filter(pk=machine.pk).exists()


def may_see_operation(viewer: User | AnonymousUser, operation: Operation) -> bool:
    """Whether the viewer may see the operation."""
    return operations_seen_by(viewer).filter(pk=operation.pk).exists()


def may_see_user_statement(viewer: User | AnonymousUser, user: User) -> bool:
    """Whether the viewer may see the user's balances and every entry of his accounts."""
    return bool(viewer.is_active and (viewer.pk == user.pk or _sees_all(viewer, "entry")))


def _own_machine(viewer: User | AnonymousUser) -> Q:
    return Q(machine_owner_user=viewer.pk) | Q(machine_owner_team__in=Team.objects.ids_of(viewer))


def _sees_all(viewer: User | AnonymousUser, table: str) -> bool:
    return bool(
        getattr(viewer, "is_super_admin", False)
        or ((viewer.is_staff or viewer.is_superuser) and viewer.has_perm(f"models.view_{table}"))
    )
