"""The number of random examples: the usual one, or many more for `make test-deep`."""

import os
from typing import Final

_FACTOR: Final = int(os.environ.get("TESTS_DEPTH") or 1)


def examples(usual: int) -> int:
    """Return the number of examples of a test that usually has `usual`."""
    return usual * _FACTOR
