"""The demo's report on numbers that are as expected, and on others."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from examples.catalogue import read_catalogue
from examples.demo.ledger_reader import MessageStatuses
from examples.demo.plan import make_plan
from examples.demo.report import closing_line, differences, tables
from examples.demo.running import Results
from examples.demo.topics import Message

CATALOGUE = read_catalogue()
EXPECTED = make_plan(CATALOGUE, seed=1, operations=200).expected


@pytest.fixture
def results() -> Results:
    """Results in which every number is as expected."""
    accounts = {user.id: EXPECTED.accounts.balances(user.id) for user in CATALOGUE.everyone}
    return Results(
        found=MessageStatuses(statuses=EXPECTED.statuses.copy(), codes=EXPECTED.codes.copy()),
        sent=EXPECTED.sent,
        published=EXPECTED.total("recorded") + EXPECTED.total("rejected"),
        published_by_type=Counter({"operation.recorded": 7, "hold.placed": 1}),
        received=Counter({"operation.recorded": 7, "hold.placed": 1}),
        other_events=EXPECTED.other_events.copy(),
        balance_changes=1,
        dead_letters_published=EXPECTED.total("parked"),
        balances=dict(accounts),
        balances_received=dict(accounts),
        platform=EXPECTED.accounts.platform(),
        debits_minus_credits={"USD": Decimal("0.00000000"), "EAML": Decimal("0.00000000")},
        verify="verify: ok",
        verified=True,
    )


def wrong(results: Results) -> list[str]:
    return differences(results, EXPECTED, CATALOGUE)


def test_expected_numbers_have_no_differences(results: Results) -> None:
    """The closing line has all of them."""
    assert wrong(results) == []
    assert closing_line(results) == (
        f"demo: sent={EXPECTED.sent} recorded={EXPECTED.total('recorded')} "
        f"duplicate={EXPECTED.total('duplicate')} rejected={EXPECTED.total('rejected')} "
        f"parked={EXPECTED.total('parked')} published={results.published} "
        "usd=0.00000000 eaml=0.00000000 verify=ok"
    )


def test_the_tables_name_every_kind_and_code(results: Results) -> None:
    """A few users are shown by name."""
    shown = "\n".join(tables(results, CATALOGUE))
    assert all(kind in shown for kind, _ in EXPECTED.statuses)
    assert all(code in shown for _, code in EXPECTED.codes)
    assert "1001 Amara Okonjo" in shown


def test_a_missing_message_is_reported(results: Results) -> None:
    """The line has its kind and status, and both numbers."""
    results.found.statuses["training", "recorded"] -= 1
    count = EXPECTED.statuses["training", "recorded"]
    assert wrong(results) == [f"messages training recorded: expected {count}, found {count - 1}"]


def test_a_wrong_balance_is_reported(results: Results) -> None:
    """The line names the user."""
    user = CATALOGUE.users[0].id
    results.balances[user] = replace(results.balances[user], usd=results.balances[user].usd + Decimal("0.01"))
    (line,) = wrong(results)
    assert line.startswith(f"balances of user {user}: expected ")


def test_a_message_without_a_status_is_reported(results: Results) -> None:
    """It was sent, but was neither decided nor parked."""
    lost = Message(topic="training.operations", partition=0, offset=3, key=None, kind="training")
    results.found.lost.append(lost)
    (line,) = wrong(results)
    assert "messages without a status" in line


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sent": 1}, "messages sent"),
        ({"published": 1}, "published"),
        ({"dead_letters_published": 0}, "dead letters published"),
        ({"received": Counter({"operation.recorded": 7})}, "received hold.placed"),
        ({"other_events": Counter()}, "events from HTTP and expiry hold.expired solving"),
        ({"platform": {}}, "balance of treasury:eaml"),
        (
            {"debits_minus_credits": {"USD": Decimal("0.01"), "EAML": Decimal(0)}},
            "debits minus credits",
        ),
        ({"verify": "verify: 3 mismatches", "verified": False}, "verify printed: verify: 3 mismatches"),
    ],
)
def test_every_other_number_is_compared_too(results: Results, change: dict[str, object], named: str) -> None:
    """One wrong number is a difference."""
    assert any(named in line for line in wrong(replace(results, **change)))  # type: ignore[arg-type]


def test_the_closing_line_reports_a_failed_verify(results: Results) -> None:
    """It says `ok` only if verify succeeded."""
    assert closing_line(replace(results, verified=False)).endswith(" verify=failed")
