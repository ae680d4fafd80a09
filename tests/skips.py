"""The skips that are allowed, each with how to get what it needs. CI fails for any other."""

import re
from collections.abc import Iterable
from typing import Final

ALLOWED: Final[dict[str, str]] = {
    r"no Chromium is installed": "apt-get install chromium",
    r"hledger is not installed": "apt-get install hledger",
    r"PgBouncer is not installed": "apt-get install pgbouncer",
    r"(\w+|docker compose) is not installed": "install that program",
    r".*npm.*|.*[Nn]ode.*": "apt-get install nodejs npm, and a registry that npm reaches",
    r"the embedded broker .*|.*LEDGER_TEST_KAFKA=apache.*|.*Apache Kafka.*": "make test-kafka",
    r"root may write everywhere": "run the tests as another user than root",
    r"only root .*|this checkout cannot be read by other users": "run as root, not in a home directory",
    r"the tests run on a given server, whose roles are not ours": "unset DATABASE_URL",
}


def how_to_get(reason: str) -> str | None:
    """Return how to get what a skipped test needs, or None if the skip is not allowed."""
    found = (how for pattern, how in ALLOWED.items() if re.fullmatch(pattern, reason, re.DOTALL))
    return next(found, None)


def summary(reasons: Iterable[str]) -> list[str]:
    """Return a line for each reason: how many tests were not tried, why, and how to try them."""
    counts: dict[str, int] = {}
    for reason in reasons:
        counts[reason] = counts.get(reason, 0) + 1
    return [
        f"not tried: {count} test{'s' if count > 1 else ''} ({reason}): "
        + (how_to_get(reason) or "NOT ON THE LIST of tests/skips.py")
        for reason, count in sorted(counts.items())
    ]
