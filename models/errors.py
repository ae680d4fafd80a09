"""The errors of the tables.

ModelsError                 the base class: a stable code and a message that says what to do
├─ ImmutableRecord          a change to a row that only the ledger or a projection writes
├─ LedgerNotInstalled       posting without a ledger
├─ AmountRefused            an amount that cannot be posted exactly as given
├─ TransitionRefused        a status that cannot follow the current one
├─ InvitationRefused        a team invitation that is unknown, revoked or already used
└─ LockRefused              a table lock that another process holds
   └─ LockLost              a table lock that went stale and was broken by another process
"""


class ModelsError(Exception):
    """The base class of the errors of the tables."""

    code = "models_error"


class ImmutableRecord(ModelsError):
    """The row is a copy of the log and cannot be changed; ``table`` and ``action`` name the attempt."""

    code = "immutable_record"

    def __init__(self, table: str, action: str, instead: str) -> None:
        self.table = table
        self.action = action
        self.instead = instead
        super().__init__(f"{table}: {action} is refused. {instead}")


class LedgerNotInstalled(ModelsError):
    """Posting needs the ledger, and the settings do not name one."""

    code = "ledger_not_installed"

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(
            f"{action} needs the ledger: run it in the service (DJANGO_SETTINGS_MODULE="
            "config.settings), or set LEDGER_POST to the dotted path of the module that posts. "
            "Without a ledger, operations and entries can only be read."
        )


class AmountRefused(ModelsError, ValueError):
    """The amount is not positive, not finite, or has more than eight decimals."""

    code = "amount_refused"

    def __init__(self, value: object, reason: str) -> None:
        self.value = value
        self.reason = reason
        super().__init__(f"{value!r} cannot be posted as an amount: {reason}.")


class TransitionRefused(ModelsError):
    """The status cannot follow the current one, or the change bypasses the check."""

    code = "transition_refused"


class InvitationRefused(ModelsError):
    """The invitation does not admit this user."""

    code = "invitation_refused"


class LockRefused(ModelsError):
    """Another process holds the table's lock."""

    code = "lock_refused"

    def __init__(self, table_name: str, reason: str) -> None:
        self.table_name = table_name
        self.reason = reason
        super().__init__(f"Table {table_name!r}: {reason}.")


class LockLost(LockRefused):
    """The lock went stale and another process broke it; work done under it is not protected."""

    code = "lock_lost"
