"""What the tables refuse, as classes.

ModelsError                 every one of them: a stable code and a message that says what to do
├─ ImmutableRecord          a change to what only the ledger or a projection writes
├─ LedgerNotInstalled       posting where no ledger is bound
├─ AmountRefused            an amount that cannot be posted exactly as given
├─ TransitionRefused        a status that does not follow from the present one
├─ InvitationRefused        a team invitation that is unknown, revoked or already used
└─ LockRefused              a table lock held by somebody else
   └─ LockLost              a table lock that somebody else has broken since
"""


class ModelsError(Exception):
    """An action that the tables refuse."""

    code = "models_error"


class ImmutableRecord(ModelsError):
    """A change to a row that is a copy of what the log says; ``table`` and ``action`` name it."""

    code = "immutable_record"

    def __init__(self, table: str, action: str, instead: str) -> None:
        self.table = table
        self.action = action
        self.instead = instead
        super().__init__(f"{table}: {action} is refused. {instead}")


class LedgerNotInstalled(ModelsError):
    """Posting needs the ledger, and the settings name none."""

    code = "ledger_not_installed"

    def __init__(self, action: str) -> None:
        self.action = action
        super().__init__(
            f"{action} needs the ledger: run it in the service (DJANGO_SETTINGS_MODULE="
            "config.settings), or set LEDGER_POST to the dotted path of the module that posts. "
            "With the tables alone, operations and entries can only be read."
        )


class AmountRefused(ModelsError, ValueError):
    """An amount that is not positive, not finite, or that eight decimals cannot hold."""

    code = "amount_refused"

    def __init__(self, value: object, reason: str) -> None:
        self.value = value
        self.reason = reason
        super().__init__(f"{value!r} is no amount to post: {reason}.")


class TransitionRefused(ModelsError):
    """A status that cannot follow on the present one, or a change that goes round the check."""

    code = "transition_refused"


class InvitationRefused(ModelsError):
    """An invitation that does not let this user in."""

    code = "invitation_refused"


class LockRefused(ModelsError):
    """A table is locked by somebody else."""

    code = "lock_refused"

    def __init__(self, table_name: str, reason: str) -> None:
        self.table_name = table_name
        self.reason = reason
        super().__init__(f"Table {table_name!r}: {reason}.")


class LockLost(LockRefused):
    """The lock was stale and somebody else has broken it: what was done under it is unsafe."""

    code = "lock_lost"
