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
    if subject == "tariff":
        whose = "everybody" if not body["user"] and not body["team"] else ""
        whose = whose or (f"user {body['user']}" if body["user"] else f"team {body['team']}")
        since = body["effective_from"] or "its approval"
        return f"terms of {whose} from {since}: {_terms(body['terms'])}"
    said = ", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in body.items())
    return f"{subject}: {said}"


def _terms(terms: Mapping[str, Any]) -> str:
    said = ", ".join(f"{name.replace('_', ' ')} {_value(value)}" for name, value in terms.items())
    return said or "the tariff's again"


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "; ".join(f"{kind.replace('_', ' ')} {_value(each)}" for kind, each in value.items())
        case list():
            return ", ".join(f"above {band['above']} {band['unit_price']}" for band in value)
        case _:
            return str(value)
