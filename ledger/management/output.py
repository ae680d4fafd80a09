"""Says what a command has done, in a way that cannot make it fail.

# Note [Done is done]
What was posted is committed before the command says so. A terminal that is gone, a full disk or an encoding
without the character must not turn that into a failure, after which a person tries again. `manage.py` writes
characters that the output cannot encode as escapes; every other error of the output is ignored here.
"""

import os
import sys
from contextlib import suppress
from typing import Protocol


class Output(Protocol):
    """A command's `stdout` or `stderr`."""

    def write(self, msg: str) -> object:
        """Write a line."""

    def flush(self) -> object:
        """Send it now."""


def say(output: Output, text: str) -> None:
    """Write a line about what was done; ignore an output that fails. See Note [Done is done]."""
    try:
        output.write(text)
        output.flush()
    except (OSError, ValueError):  # a character that cannot be encoded is a ValueError, as is a closed file
        _discard_the_rest()


def _discard_the_rest() -> None:
    """Send what standard output still holds to nowhere: the interpreter flushes it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
