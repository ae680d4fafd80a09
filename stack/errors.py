"""The error of the stack."""


class StackError(Exception):
    """The stack cannot start or continue. The message is one sentence for the person who started it."""
