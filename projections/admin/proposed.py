"""What was proposed, in words."""

from collections.abc import Mapping
from typing import Any


def in_words(subject: str, user: int | None, body: Mapping[str, Any]) -> str:
    """One line: what would be done to what."""
    if subject == "adjustment":
        currency = "EAML" if body["account"].endswith("eaml") else "USD"
        sign = "+" if body["direction"] == "up" else "−"
        return f"{sign}{body['amount']} {currency} on user:{user}:{body['account']}"
    if subject == "period":
        return f"{body['action']} {body['period']}"
    said = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in body.items())
    return f"{subject}: {said}"
