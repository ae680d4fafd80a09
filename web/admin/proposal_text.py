"""A proposal's content in words."""

from collections.abc import Mapping
from typing import Any

from ledger.domain.chart import currency_of_name
from web.admin.formatting import spaced, visible


def in_words(
    subject: str, user: int | None, body: Mapping[str, Any], tariff: Mapping[str, Any] | None = None
) -> str:
    """Return one line that says what a proposal would do.

    `tariff` are the terms in force for everyone: a proposed tariff is described by its differences from them.
    """
    match subject:
        case "adjustment":
            currency = currency_of_name(body["account"])
            sign = "+" if body["direction"] == "up" else "−"
            return f"{sign}{body['amount']} {currency} on user:{user}:{body['account']}"
        case "period":
            return f"{body['action']} {body['period']}"
        case "tariff":
            own = body["user"] or body["team"]
            terms = _terms(body["terms"], {} if own else tariff or {})
            return f"tariff for {_audience(body)} from {body['effective_from'] or 'approval'}: {terms}"
        case "command":
            stakes = ", ".join(f"{amount} {currency}" for currency, amount in body["stake"].items())
            return f"{spaced(body['command'])} of {stakes}: {_terms(_shown(body['sent']), {})}"
        case _:
            return f"{subject}: {_terms(body, {})}"


def _audience(body: Mapping[str, Any]) -> str:
    if body["user"]:
        return f"user {body['user']}"
    return f"team {body['team']}" if body["team"] else "everyone"


def _shown(sent: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in sent.items() if name != "type"}


def _terms(proposed: Mapping[str, Any], in_force: Mapping[str, Any]) -> str:
    changes = [
        f"{spaced(name)} {_value(value)}" for name, value in proposed.items() if value != in_force.get(name)
    ]
    changes += [f"no {spaced(name)}" for name in in_force if name not in proposed]
    return ", ".join(changes) or ("unchanged" if in_force else "no terms of their own")


def _value(value: Any) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case Mapping():
            return "; ".join(f"{spaced(kind)} {_value(each)}" for kind, each in value.items())
        case list():
            return ", ".join(f"above {band['above']}: {band['unit_price']}" for band in value)
        case _:
            return visible(str(value))
