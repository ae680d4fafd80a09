"""Closing and reopening months on the command line, and the reports of a closed month."""

import pytest
from django.core.management import CommandError

from events.models import Note
from ledger.models import BookPeriod
from models import User
from projections.reports.trial_balance import trial_balance
from tests import builders as make
from tests.builders import recorded
from tests.ledger.management.test_four_eyes import anna, bert, refused, said
from tests.months import BEFORE, LAST, THIS, close, frozen, in_month

__all__ = ["anna", "bert"]

pytestmark = pytest.mark.django_db(transaction=True)


def propose(action: str, person: User) -> str:
    line = said("periods", action, LAST, "--reason", "all bills are in", "--as", person.email)
    word, proposal, *rest = line.split()
    assert (word, " ".join(rest)) == ("proposed:", "waits for a second person")
    return proposal


def test_month_is_closed_and_reopened_by_two_people(anna: User, bert: User) -> None:
    """The reason is a note, which can be erased."""
    assert said("periods", "list") == ""
    proposal = propose("close", anna)
    assert Note.objects.get(event_id=proposal).text == "all bills are in"
    assert refused("proposals", "approve", proposal, "--as", anna.email).startswith("self_approval")
    assert said("proposals", "approve", proposal, "--as", bert.email).startswith("period closed: ")
    (line,) = said("periods", "list").splitlines()
    row = BookPeriod.objects.get()
    assert line.startswith(f"{LAST}  closed  proposed by {row.proposer}, approved by {row.resolver} at ")
    said("proposals", "approve", propose("reopen", anna), "--as", bert.email)
    assert said("periods", "list").startswith(f"{LAST}  open  ")


def test_a_refusal_exits_with_status_2(anna: User) -> None:
    """The message begins with the code."""
    why = ("--reason", "why", "--as", anna.email)
    assert refused("periods", "close", THIS, *why).startswith("period_not_over: ")
    assert refused("periods", "reopen", LAST, *why).startswith("period_open: ")
    assert refused("periods", "close", "2026-13", *why).startswith("invalid_text: period: ")


def test_trial_balance_of_a_closed_month_does_not_change(user: User) -> None:
    """It is the same before and after closing, whatever arrives late; users' accounts are summed by kind."""
    recorded(make.top_up(user, 5, at=in_month(BEFORE)))
    recorded(make.top_up(make.make_user(), 70, at=in_month(LAST)))
    before = trial_balance(month=LAST)
    close(LAST)
    recorded(make.top_up(user, 3, at=in_month(LAST)))
    after = trial_balance(month=LAST)
    assert after.lines == before.lines
    assert after.position > before.position
    sums = {line.account: [line.debits, line.credits, line.balance] for line in after.lines}
    assert sums == {"clearing:payments:usd": [75, 0, 75], "user:usd": [0, 75, 75]}
    balances = frozen(LAST)
    assert list(balances.pop("clearing:payments:usd")) == sums["clearing:payments:usd"]
    assert [sum(column) for column in zip(*balances.values(), strict=True)] == sums["user:usd"]
    lines = said("trial_balance", "--period", LAST).splitlines()
    assert lines[0] == f"trial balance of {LAST} as of position {after.position}"
    assert lines[2].split() == ["clearing:payments:usd", "USD", "75.00000000", "0.00000000", "75.00000000"]
    assert said("trial_balance", "--period", BEFORE).splitlines()[2].split()[2] == "5.00000000"
    with pytest.raises(CommandError, match="is not a month"):
        said("trial_balance", "--period", "October")
