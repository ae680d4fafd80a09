"""Every Python block about the tables runs, in order, and does what it shows.

The blocks are those of `docs/models.md` and those of the models document itself.
"""

import ast
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import authenticate

import models
from models import Credit, Entry, Operation, Team, User, Work
from tests.models.children import empty_database, finish, start

ROOT = Path(models.__file__).resolve().parent.parent
OURS = ROOT / "docs" / "models.md"
DOCUMENT = Path(__file__).parent / "document_usage.md"

Names = dict[str, Any]


def blocks(page: Path) -> Iterator[tuple[str, int, str]]:
    """Yield the heading, first line number and code of each Python block."""
    text = page.read_text()
    heading = ""
    for found in re.finditer(
        r"^#{2,3} (?P<heading>[^\n]+)$|^```python\n(?P<code>.*?)^```$", text, re.MULTILINE | re.DOTALL
    ):
        if found["heading"]:
            heading = found["heading"]
        else:
            yield heading, text.count("\n", 0, found.start("code")), found["code"]


def users(names: Names) -> None:
    assert authenticate(username="user@example.com", password="secure_password") == names["user"]
    assert names["user"].get_full_name() == "John Doe"
    assert names["admin"].is_super_admin
    assert names["admin"].is_staff
    assert User.objects.filter(is_superuser=True).get() == names["admin"]


def team(names: Names) -> None:
    stored = Team.objects.get(name="Data Science Team")
    assert stored == names["team"]
    assert stored.admin_user == names["user"]
    assert stored.permission is not None
    assert names["user"] in stored.users.all()


def machine(names: Names) -> None:
    stored = models.Machine.objects.get(machine_name="Customer Churn Prediction")
    assert (stored.machine_owner_user, stored.machine_owner_team) == (names["user"], names["team"])
    assert (stored.machine_level, len(stored.dfr_columns_type_user_df)) == (3, 4)


def work(names: Names) -> None:
    stored = Work.objects.get(pk=names["work"].pk)
    assert (stored.machine, stored.server) == (names["machine"], None)
    assert (stored.mode, stored.status) == ("training", "wait_for_server_start")


def billing(names: Names) -> None:
    user = User.objects.get(pk=names["user"].pk)
    stored = Operation.objects.get(kind="training")
    assert stored == names["operation"]
    assert stored.is_training_operation
    assert (stored.machine, stored.machine_owner, stored.operation_user) == (names["machine"], user, user)
    assert (stored.count_of_lines, stored.count_of_training_epoch) == (1000, 50)
    assert stored.credit == names["credit"] == Credit.objects.get(user=stored.operation_user)
    assert (stored.credit.amount, stored.credit.user) == (Decimal(100), user)
    # The payment for consulting has left the account since.
    paid = sum(request.amount_usd or 0 for request in models.ConsultingRequest.objects.all())
    assert user.user_balance == Decimal(100) - paid
    for currency in ("USD", "EAML"):
        entries = Entry.objects.filter(currency=currency)
        debits, credits_ = (sum(entries.filter(side=side).values_list("amount", flat=True)) for side in "DC")
        assert debits == credits_ > 0


def queries(names: Names) -> None:
    assert list(names["user_machines"]) == list(names["team_machines"]) == [names["machine"]]
    assert list(names["pending_work"]) == list(names["machine_work"]) == [names["work"]]
    assert names["operation"] in names["user_operations"]


def sees(names: Names) -> None:
    assert names["entry"].user == names["user"]


def consulting(names: Names) -> None:
    assert models.ConsultingRequest.objects.get() == names["request"]
    assert names["request"].consultant_user == names["admin"]
    assert User.objects.get(pk=names["admin"].pk).user_balance == Decimal(64)


def logging_(names: Names) -> None:
    (handler,) = names["LOGGING"]["handlers"].values()
    assert handler["class"] == "models.log_handler.DatabaseLogHandler"


# Checks of the results of the blocks under each heading, after all of them have run.
CHECKS: dict[str, Callable[[Names], None]] = {
    "Users": users,
    "Teams": team,
    "Machines": machine,
    "Work": work,
    "Billing": billing,
    "Common queries": queries,
    "Who may see what": sees,
    "Consulting": consulting,
    "The log table": logging_,
    "Creating a User": users,
    "Creating a Team": team,
    "Creating a Machine": machine,
    "Creating Work Items": work,
    "Billing Operations": billing,
    "Querying Examples": queries,
}


@pytest.mark.django_db
@pytest.mark.parametrize("page", [OURS, DOCUMENT], ids=lambda page: page.name)
def test_every_block_runs_and_does_what_it_shows(page: Path) -> None:
    """Blocks run in order and share their names; each heading has its check."""
    names: Names = {}
    headings = []
    for heading, line, code in blocks(page):
        exec(compile("\n" * line + code, str(page), "exec"), names)
        headings.append(heading)
    assert len(headings) >= 6
    for heading in dict.fromkeys(headings):
        CHECKS[heading](names)


@pytest.mark.django_db
def test_the_documents_own_blocks_run_in_a_new_process_on_a_new_database() -> None:
    """Each step is committed, as if they were typed after django.setup()."""
    code = "".join(code for _, _, code in blocks(DOCUMENT))
    with empty_database("the_documents_own_blocks") as name:
        finish(
            start(
                "from django.core.management import call_command; call_command('migrate', verbosity=0)",
                database=name,
            )
        )
        said, _ = finish(
            start(
                code + "user.refresh_from_db(); print(operation.credit.money, user.user_balance)",
                database=name,
            )
        )
    assert said == "100.00 USD 100.00000000"


def test_our_page_shows_every_call_of_the_document() -> None:
    """Each call is there with all its arguments."""
    assert calls(DOCUMENT) - calls(OURS) == set()


def calls(page: Path) -> set[str]:
    """Return the calls on a page as the parser sees them, without differences of quotes and line breaks."""
    return {
        ast.dump(node)
        for _, _, code in blocks(page)
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Call)
    }
