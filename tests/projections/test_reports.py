"""Reports agree with the accounts to the last decimal, and are reproducible."""

import csv
import io
import re
import shutil
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ledger.domain.periods import Month
from ledger.engine.posting import post
from ledger.models import Account
from projections.models import PlatformBalance
from projections.reports.accounts import plain_text_name
from projections.reports.journal_export import Format, export_journal
from projections.reports.trial_balance import trial_balance
from tests import builders as make
from tests import months
from tests.projections import world as worlds
from tests.projections.world import World

_FORMATS: tuple[Format, ...] = ("hledger", "beancount")


def _written(tmp_path: Path, format_: Format) -> Path:
    path = tmp_path / f"journal.{format_}"
    call_command("export_journal", "--format", format_, "--output", str(path))
    return path


def _run(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, check=False)


def _bean_check(path: Path) -> subprocess.CompletedProcess[str]:
    return _run(sys.executable, "-m", "beancount.scripts.check", str(path))


def test_beancount_agrees_with_every_balance(world: World, tmp_path: Path) -> None:
    """It balances every transaction, and its closing balances are those of the accounts."""
    del world
    path = _written(tmp_path, "beancount")
    done = _bean_check(path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    closing = dict(re.findall(r"^[\d-]+ balance (\S+)  (\S+) ~ 0 \w+$", path.read_text(), re.MULTILINE))
    for account in Account.objects.filter(user_id__isnull=False, version__gt=0):
        balance = -account.balance if account.normal_side == "C" else account.balance
        assert Decimal(closing.pop(plain_text_name(account.code))) == balance
    for platform in PlatformBalance.objects.all():
        assert Decimal(closing.pop(plain_text_name(platform.code))) == platform.debits - platform.credits
    assert closing == {}


def test_beancount_finds_a_difference_of_one_hundred_millionth(world: World, tmp_path: Path) -> None:
    """With 8 decimals in every amount, it tolerates no difference."""
    del world
    path = _written(tmp_path, "beancount")
    text = path.read_text()
    first = re.search(r"^  \S+  (\d+\.\d{8}) \w+$", text, re.MULTILINE)
    assert first is not None
    more = Decimal(first[1]) + Decimal("0.00000001")
    path.write_text(text[: first.start(1)] + str(more) + text[first.end(1) :])
    assert _bean_check(path).returncode == 1


@pytest.mark.parametrize("month", [months.LAST, months.THIS], ids=["closed", "open"])
def test_beancount_agrees_with_every_month(world: World, tmp_path: Path, month: Month) -> None:
    """The month opens with the earlier balances and closes with those effective by its end."""
    del world
    worlds.settle()
    path = tmp_path / "month.beancount"
    call_command("export_journal", "--format", "beancount", "--period", str(month), "--output", str(path))
    text = path.read_text()
    done = _bean_check(path)
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    assert ('"opening balances"' in text) is (month == months.THIS)
    closing = dict(re.findall(r"^[\d-]+ balance (\S+)  (\S+) ~ 0 \w+$", text, re.MULTILINE))
    sums = {line.account: line.debits - line.credits for line in trial_balance(month=month).lines}
    clearing = plain_text_name("clearing:payments:usd")
    assert Decimal(closing[clearing]) == sums["clearing:payments:usd"]
    assert sum(map(Decimal, closing.values())) == 0
    days = set(re.findall(r"^(\d{4}-\d\d)-\d\d \* ", text, re.MULTILINE))
    assert days == {str(month)}


@pytest.mark.skipif(shutil.which("hledger") is None, reason="hledger is not installed")
def test_hledger_agrees_with_every_balance(world: World, tmp_path: Path) -> None:
    """`--strict` checks accounts and commodities too."""
    del world
    path = _written(tmp_path, "hledger")
    done = _run("hledger", "-f", str(path), "check", "--strict", "ordereddates")
    assert (done.returncode, done.stderr) == (0, "")
    done = _run("hledger", "-f", str(path), "balance", "--flat", "--empty", "-O", "csv", "-N")
    found = {row[0]: row[1] for row in csv.reader(io.StringIO(done.stdout))}
    for account in Account.objects.filter(user_id__isnull=False, version__gt=0):
        balance = -account.balance if account.normal_side == "C" else account.balance
        assert Decimal(found[plain_text_name(account.code)].split()[0]) == balance


@pytest.mark.parametrize("format_", _FORMATS)
def test_an_export_is_the_same_for_the_same_position(world: World, format_: Format) -> None:
    """Later postings do not change it."""
    position = worlds.settle()
    before = list(export_journal(format_, position))
    assert before[0] == f"; EasyAutoML ledger, {format_} journal, format 1, up to position {position}"
    post([make.top_up(world.buyer, 1)])
    assert list(export_journal(format_, position)) == before
    worlds.settle()
    assert len(list(export_journal(format_))) > len(before)


@pytest.mark.parametrize("format_", _FORMATS)
def test_every_amount_has_exactly_8_decimals(world: World, format_: Format) -> None:
    """The tolerance of beancount follows from them."""
    del world
    amounts = [amount for line in export_journal(format_) for amount in re.findall(r"-?\d+\.\d+", line)]
    assert amounts
    assert all(re.fullmatch(r"-?\d+\.\d{8}", amount) for amount in amounts)


def test_the_trial_balance_agrees_with_the_projection_and_the_accounts(world: World) -> None:
    """It has each platform account, and the users' accounts by kind; debits equal credits."""
    del world
    balance = trial_balance()
    assert balance.delta("USD") == balance.delta("EAML") == 0
    by_account = {(line.account, line.currency): line.balance for line in balance.lines}
    for platform in PlatformBalance.objects.all():
        assert by_account.pop((platform.code, platform.currency)) == platform.balance
    for (kind, _), total in by_account.items():
        assert total == sum(Account.objects.filter(kind=kind).values_list("balance", flat=True))


def test_the_trial_balance_of_an_earlier_position_does_not_change(world: World) -> None:
    """It is computed from entries, which are immutable."""
    before = trial_balance(world.sale.position)
    post([make.top_up(world.buyer, 1)])
    worlds.settle()
    assert trial_balance(world.sale.position) == before
    assert trial_balance().lines != before.lines


def test_a_report_after_the_settled_position_is_refused(world: World) -> None:
    """Events could still appear before that position."""
    position = worlds.settle() + 1
    for command in (["trial_balance"], ["export_journal", "--format", "hledger"]):
        with pytest.raises(CommandError, match=rf"position {position} is not settled yet"):
            call_command(*command, "--position", str(position), stdout=io.StringIO())
    del world


def test_the_trial_balance_command_prints_lines_and_totals(world: World) -> None:
    """It exits with 1 if debits and credits differ."""
    out = io.StringIO()
    call_command("trial_balance", stdout=out)
    lines = out.getvalue().splitlines()
    assert lines[0] == f"trial balance as of position {worlds.settle()}"
    assert re.fullmatch(r"total USD +USD +(\d+\.\d{8}) +\1 +0\.00000000", lines[-2])
    assert re.fullmatch(r"total EAML +EAML +(\d+\.\d{8}) +\1 +0\.00000000", lines[-1])
    worlds.corrupt("update models_entry set amount = amount + 1 where id = %s", world.sale.position * 1000)
    with pytest.raises(SystemExit):
        call_command("trial_balance", stdout=out)
