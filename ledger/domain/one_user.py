"""The base of commands that are about one user."""

from typing import TYPE_CHECKING


class OneUserCommand:
    """A command about `user`. It is this user's operation and touches no other user's accounts."""

    __slots__ = ()

    if TYPE_CHECKING:

        @property
        def user(self) -> int: ...

    @property
    def operation_user(self) -> int:
        """Return the user whose operation it is."""
        return self.user

    @property
    def users(self) -> tuple[int, ...]:
        """Return the users whose accounts have to be locked."""
        return (self.user,)
