"""What commands that are about one user have in common."""

from typing import TYPE_CHECKING


class OneUserCommand:
    """A command of `user`: it is this user's operation, and touches no one else's accounts."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def user(self) -> int: ...

    @property
    def operation_user(self) -> int:
        """Whose operation it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Whose accounts have to be locked."""
        return (self.user,)
