"""The one error of the stack."""


class StackError(Exception):
    """Why the stack cannot start or go on: one sentence for the person who started it."""
