"""What the demo says of numbers that are as expected, and of those that are not."""

from collections import Counter
from dataclasses import replace
from decimal import Decimal

import pytest

from examples.catalogue import read_catalogue
from examples.demo.evidence import Found
from examples.demo.plan import make_plan
from examples.demo.report import closing_line, differences, tables
from examples.demo.running import Results
from examples.demo.topics import Message

CATALOGUE = read_catalogue()
EXPECTED = make_plan(CATALOGUE, seed=1, operations=200).expected


@pytest.fixture
def results() -> Results:
    """Everything as expected."""
    books = {user.id: EXPECTED.books.balances(user.id) for user in CATALOGUE.everyone}
    return Results(
        found=Found(fates=EXPECTED.fates.copy(), codes=EXPECTED.codes.copy()),
        sent=EXPECTED.sent,
        published=EXPECTED.total("recorded") + EXPECTED.total("rejected"),
        told=Counter({"operation.recorded": 7, "hold.placed": 1}),
        heard=Counter({"operation.recorded": 7, "hold.placed": 1}),
        beyond=EXPECTED.beyond.copy(),
        balance_changes=1,
        dead_letters_told=EXPECTED.total("parked"),
        balances=dict(books),
        balances_heard=dict(books),
        platform=EXPECTED.books.platform(),
        debits_minus_credits={"USD": Decimal("0.00000000"), "EAML": Decimal("0.00000000")},
        verify="verify: ok",
        verified=True,
    )


def wrong(results: Results) -> list[str]:
    return differences(results, EXPECTED, CATALOGUE)


def test_nothing_differs_where_every_number_is_as_expected(results: Results) -> None:
    """And the closing line has all of them."""
    assert wrong(results) == []
    assert closing_line(results) == (
        f"demo: sent={EXPECTED.sent} recorded={EXPECTED.total('recorded')} "
        f"duplicate={EXPECTED.total('duplicate')} rejected={EXPECTED.total('rejected')} "
        f"parked={EXPECTED.total('parked')} published={results.published} "
        "usd=0.00000000 eaml=0.00000000 verify=ok"
    )


def test_the_tables_name_every_kind_and_code(results: Results) -> None:
    """Whoever reads them sees what happened to what."""
    shown = "\n".join(tables(results, CATALOGUE))
    assert all(kind in shown for kind, _ in EXPECTED.fates)
    assert all(code in shown for _, code in EXPECTED.codes)
    assert "1001 Amara Okonjo" in shown


def test_one_message_too_few_is_named(results: Results) -> None:
    """By kind and fate, with both numbers."""
    results.found.fates["training", "recorded"] -= 1
    count = EXPECTED.fates["training", "recorded"]
    assert wrong(results) == [f"messages training recorded: expected {count}, found {count - 1}"]


def test_a_cent_on_the_wrong_account_is_named(results: Results) -> None:
    """By user, and wherever it was seen."""
    user = CATALOGUE.users[0].id
    results.balances[user] = replace(results.balances[user], usd=results.balances[user].usd + Decimal("0.01"))
    (line,) = wrong(results)
    assert line.startswith(f"balances of user {user}: expected ")


def test_a_message_that_nothing_is_known_of_is_named(results: Results) -> None:
    """It was sent and has no fate."""
    lost = Message(topic="training.operations", partition=0, offset=3, key=None, kind="training")
    results.found.lost.append(lost)
    (line,) = wrong(results)
    assert "messages that nothing is known of" in line


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"sent": 1}, "messages sent"),
        ({"published": 1}, "published"),
        ({"dead_letters_told": 0}, "dead letters told"),
        ({"heard": Counter({"operation.recorded": 7})}, "heard hold.placed"),
        ({"beyond": Counter()}, "events of desk and clock hold.expired solving"),
        ({"platform": {}}, "balance of treasury:eaml"),
        (
            {"debits_minus_credits": {"USD": Decimal("0.01"), "EAML": Decimal(0)}},
            "debits minus credits",
        ),
        ({"verify": "verify: 3 mismatches", "verified": False}, "verify said: verify: 3 mismatches"),
    ],
)
def test_every_other_number_is_held_too(results: Results, change: dict[str, object], named: str) -> None:
    """One wrong number is enough."""
    assert any(named in line for line in wrong(replace(results, **change)))  # type: ignore[arg-type]


def test_verify_is_ok_only_where_it_was(results: Results) -> None:
    """The closing line never says more than verify did."""
    assert closing_line(replace(results, verified=False)).endswith(" verify=failed")
