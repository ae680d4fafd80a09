"""Who is asking, and what of the ledger he sees. The rules themselves are in `models.access`."""

from dataclasses import dataclass

from django.db.models import QuerySet

from ledger.domain.errors import NotFound
from ledger.domain.proposals import Role
from ledger.models import ApiKey
from ledger.queries.operations import FoundOperation
from models.access import machines_seen_by, may_see_user_statement, operations_seen_by
from models.billing import Operation
from models.user import User


@dataclass(frozen=True, slots=True)
class Caller:
    """The holder of a key: a service (`viewer` is None) sees everything, a user what is his."""

    key: ApiKey
    viewer: User | None

    @property
    def source(self) -> str:
        """The source that a service's key speaks as."""
        if self.key.source is None:
            raise RuntimeError("a user's key speaks as no source")
        return self.key.source

    @property
    def actor(self) -> str:
        """Who asked, for the event: the key, without its secret."""
        return f"api-key:{self.key.prefix}"

    @property
    def role(self) -> Role:
        """What the key may do with amounts: more than staff, where it has the scope."""
        return "super_admin" if ApiKey.Scope.SUPER_ADMIN in self.key.scopes else "staff"

    def operations(self) -> QuerySet[Operation]:
        """The recorded operations that the caller sees."""
        return Operation.objects.all() if self.viewer is None else operations_seen_by(self.viewer)

    def sees_balances_of(self, user: int) -> bool:
        """Whether the caller sees the balances and the statement of a user."""
        return self.viewer is None or may_see_user_statement(self.viewer, User(pk=user))

    def sees(self, decided: FoundOperation) -> bool:
        """Whether the caller sees an operation, recorded or rejected."""
        if self.viewer is None:
            return True
        if decided.effective_at is not None:
            return self.operations().filter(pk=decided.event.id).exists()
        # A rejected operation has no row: the same rule, asked of its event.
        data = decided.event.data
        users = {data["command"].get("operation_user"), data.get("machine_owner"), data["payer"]}
        machine = data["command"].get("machine")
        return self.viewer.pk in users or machines_seen_by(self.viewer).filter(pk=machine).exists()

    def check_balances_of(self, user: int) -> None:
        """Raises `NotFound`, which does not tell whether there is such a user."""
        if not self.sees_balances_of(user):
            raise no_such_user()


def viewer_of(key: ApiKey) -> User | None:
    """The user whose own key it is, with no more rights than any user; None if he is gone or inactive."""
    viewer: User | None = User.objects.filter(pk=key.user_id, is_active=True).first()
    if viewer is not None:
        # In memory only: a key opens what is its user's, whatever else staff may see when signed in.
        viewer.is_staff = viewer.is_superuser = viewer.is_super_admin = False
    return viewer


def no_such_user() -> NotFound:
    """The answer for a user who is unknown or not the caller's to see."""
    return NotFound("there is no such user")
