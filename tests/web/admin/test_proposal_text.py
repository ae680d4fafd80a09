"""Proposals in words."""

from typing import Any

import pytest

from web.admin.proposal_text import in_words

_TERMS: dict[str, Any] = {"commission_rate": "0.2", "training_counts_epochs": False, "bands": {}}
_BANDS = {"solving": [{"above": 10, "unit_price": "0.5"}, {"above": 20, "unit_price": "0.4"}]}


def _tariff(terms: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"effective_from": None, "user": None, "team": None, "terms": terms, **more}


@pytest.mark.parametrize(
    ("subject", "body", "words"),
    [
        (
            "adjustment",
            {"account": "due:eaml", "direction": "down", "amount": "1.50000000"},
            "−1.50000000 EAML on user:7:due:eaml",
        ),
        (
            "adjustment",
            {"account": "coupon", "direction": "up", "amount": "1.50000000"},
            "+1.50000000 USD on user:7:coupon",
        ),
        ("period", {"action": "reopen", "period": "2026-10"}, "reopen 2026-10"),
        ("tariff", _tariff(_TERMS), "tariff for everyone from approval: unchanged"),
        (
            "tariff",
            _tariff({"commission_rate": "0.3", "training_counts_epochs": True}),
            "tariff for everyone from approval: commission rate 0.3, training counts epochs yes, no bands",
        ),
        (
            "tariff",
            _tariff({"bands": _BANDS}, user=4, effective_from="2027-01-01T00:00:00+00:00"),
            "tariff for user 4 from 2027-01-01T00:00:00+00:00: bands solving above 10: 0.5, above 20: 0.4",
        ),
        ("tariff", _tariff({}, team=2), "tariff for team 2 from approval: no terms of their own"),
        ("anything", {"some_thing": "x"}, "anything: some thing x"),
    ],
)
def test_in_words(subject: str, body: dict[str, Any], words: str) -> None:
    """Each proposal is one line; a tariff is described by its changes."""
    assert in_words(subject, 7, body, _TERMS) == words


def test_characters_that_hide_others_are_shown_as_code_points() -> None:
    """A right-to-left override would show an approver another amount than the one that is stored."""
    body = {
        "command": "grant_coupon",
        "stake": {"USD": "5"},
        "sent": {"type": "t", "name": "a\u202eb\u200bc"},
    }
    assert "name a⟨U+202E⟩b⟨U+200B⟩c" in in_words("command", None, body)
