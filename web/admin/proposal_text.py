"""What was proposed, in words."""

from collections.abc import Mapping
from typing import Any

from ledger.domain.chart import currency_of_name


def in_words(
    subject: str, user: int | None, body: Mapping[str, Any], tariff: Mapping[str, Any] | None = None
) -> str:
    """One line: what would be done to what. Of terms for everybody, those that are not as in `tariff`."""
    match subject:
        case "adjustment":
            currency = currency_of_name(body["account"])
            sign = "+" if body["direction"] == "up" else "−"
            return f"{sign}{body['amount']} {currency} on user:{user}:{body['account']}"
        case "period":
            return f"{body['action']} {body['period']}"
        case "tariff":
            return f"terms of {_whose(body)} from {body['effective_from'] or 'its approval'}: " + (
                _terms(body["terms"], {} if body["user"] or body["team"] else tariff or {})
            )
        case _:
            return f"{subject}: {_terms(body, {})}"


def _whose(body: Mapping[str, Any]) -> str:
    if body["user"]:
        return f"user {body['user']}"
    return f"team {body['team']}" if body["team"] else "everybody"


def _terms(proposed: Mapping[str, Any], known: Mapping[str, Any]) -> str:
    said = [
        f"{_spaced(name)} {_value(value)}" for name, value in proposed.items() if value != known.get(name)
    ]
    said += [f"no {_spaced(name)}" for name in known if name not in proposed]
    return ", ".join(said) or ("as they are" if known else "none of their own")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "; ".join(f"{_spaced(kind)} {_value(each)}" for kind, each in value.items())
        case list():
            return ", ".join(f"above {band['above']} {band['unit_price']}" for band in value)
        case _:
            return str(value)


def _spaced(name: str) -> str:
    return name.replace("_", " ")
