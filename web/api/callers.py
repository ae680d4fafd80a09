"""The caller of a request and what they may see. The rules themselves are in `models.access`."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import QuerySet

from ledger.domain.errors import NotFound
from ledger.domain.proposals import Principal, Role
from ledger.models import ApiKey
from ledger.queries.operations import FoundOperation
from ledger.requests.four_eyes import actor_of, actor_of_service, principal, role_of
from models.access import machines_seen_by, may_see_user_statement, operations_seen_by
from models.billing import Operation
from models.user import User


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key. A service (`viewer` is None) sees everything, a user sees their own data."""

    key: ApiKey
    viewer: User | None
    limited: bool = False
    """True if the route counts commands towards the limit of the caller."""

    @property
    def source(self) -> str:
        """Return the source of the caller's commands: the service's, or that of a person's own keys."""
        return self.key.source or f"/users/{self.key.user_id}"

    @property
    def actor(self) -> str:
        """Return the actor for the event: the person, or the service. All keys of one are one actor."""
        return actor_of_service(self.source) if self.viewer is None else actor_of(self.viewer)

    @property
    def principal(self) -> Principal | None:
        """Return the caller with their limits, if the route has one."""
        if not self.limited:
            return None
        maker = self.key.made_by
        return principal(self.actor, self.role, made_by=None if maker is None else actor_of(User(pk=maker)))

    @property
    def via(self) -> Mapping[str, str]:
        """Return the metadata that names the key, without its secret."""
        return {"via": f"api-key:{self.key.prefix}"}

    @property
    def role(self) -> Role:
        """Return the role that limits the amounts a caller may move alone and approve."""
        if self.viewer is not None:
            # The viewer is without their rights: `viewer_of`.
            return role_of(User.objects.get(pk=self.viewer.pk))
        return "super_admin" if ApiKey.Scope.SUPER_ADMIN in self.key.scopes else "staff"

    def operations(self) -> QuerySet[Operation]:
        """Return the recorded operations that the caller may see."""
        return Operation.objects.all() if self.viewer is None else operations_seen_by(self.viewer)

    def sees_balances_of(self, user: int) -> bool:
        """Return true if the caller may see a user's balances and statement."""
        return self.viewer is None or may_see_user_statement(self.viewer, User(pk=user))

    def sees(self, found: FoundOperation) -> bool:
        """Return true if the caller may see an operation, recorded or rejected."""
        if self.viewer is None:
            return True
        if found.effective_at is not None:
            return self.operations().filter(pk=found.event.id).exists()
        # A rejected operation has no row: the same rule is applied to its event.
        data = found.event.data
        users = {data["command"].get("operation_user"), data.get("machine_owner"), data["payer"]}
        machine = data["command"].get("machine")
        return self.viewer.pk in users or machines_seen_by(self.viewer).filter(pk=machine).exists()

    def check_balances_of(self, user: int) -> None:
        """Raise `NotFound` if the caller may not see them. It does not reveal whether the user exists."""
        if not self.sees_balances_of(user):
            raise no_such_user()


def viewer_of(key: ApiKey) -> User | None:
    """Return the user that a key belongs to, without staff rights; None if they are deleted or inactive."""
    viewer: User | None = User.objects.filter(pk=key.user_id, is_active=True).first()
    if viewer is not None:
        # In memory only: a key shows its user's own data, even if they see more as signed-in staff.
        viewer.is_staff = viewer.is_superuser = viewer.is_super_admin = False
    return viewer


def no_such_user() -> NotFound:
    """Return the error for a user who does not exist or whom the caller may not see."""
    return NotFound("there is no such user")
