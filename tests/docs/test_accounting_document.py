"""Compare every table of `docs/accounting.md` with the engine, the chart, the tariff and the rounding."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import pytest
from django.db import connection
from django.utils import timezone

from events import store
from events.message import StoredEvent
from ledger.domain import money
from ledger.domain.chart import ESCROW, PLATFORM_ACCOUNTS, USER_ACCOUNTS
from ledger.domain.opening import OpenBalances
from ledger.domain.operations import Kind, RecordOperation
from ledger.domain.periods import Month
from ledger.domain.tariff import DEFAULT_TERMS
from ledger.engine.posting import post, sweep
from ledger.engine.submission import Sender, Submission
from models import ConsultingRequest, Machine, Operation, User
from tests import commands
from tests.builders import (
    SOURCE,
    amount,
    api_market,
    bill,
    copy_update,
    data_source,
    fund,
    machine_copy,
    recorded,
    rolled_back,
    short,
    solving,
    solving_with_api,
    top_up,
    training,
    transfers,
)
from tests.docs import pages

PAGE: Final = pages.DOCS / "accounting.md"
OWNER: Final = 41
BUYER: Final = 42
MACHINE: Final = 7
HOLD: Final = "018f2b6e-0000-7000-8000-000000000001"
PAYOUT: Final = "018f2b6e-0000-7000-8000-000000000002"

_HEADER = ("debit", "credit", "currency", "amount")
_LABEL = re.compile(r"\*\*(?P<label>[^*]+)\*\*")


@pytest.fixture
def cast(db: None) -> tuple[User, User]:
    """The users of the page by the ids that it uses: the owner of machine 7, and the buyer."""
    owner: User = User.objects.create_user(email="owner@example.com", id=OWNER)
    buyer: User = User.objects.create_user(email="buyer@example.com", id=BUYER)
    Machine.objects.create(
        id=MACHINE,
        machine_name="machine 7",
        machine_owner_user=owner,
        dfr_columns_type_user_df=dict.fromkeys("abcd", "FLOAT"),
        machine_api_solving_is_public=True,
        machine_api_solving_price_usd=Decimal("0.02"),
        machine_data_source_is_public=True,
        machine_data_source_price_usd=Decimal(10),
        machine_copy_price_usd=Decimal(50),
        machine_copy_update_price_usd=Decimal(5),
    )
    return owner, buyer


def _owner_has(eaml: str) -> None:
    fund(User.objects.get(pk=OWNER), eaml=eaml)


def _buyer_has(usd: str = "0", eaml: str = "0") -> None:
    fund(User.objects.get(pk=BUYER), usd=usd, eaml=eaml)


def _in_two_hours() -> datetime:
    return timezone.now() + timedelta(hours=2)


def _recorded_later(submission: Submission) -> StoredEvent:
    (outcome,) = post([submission], clock=_in_two_hours)
    assert outcome.event is not None
    assert outcome.status == "recorded", outcome
    return outcome.event


def _train() -> StoredEvent:
    _owner_has("10")
    return recorded(training(MACHINE, user=BUYER, lines=1000))


def _solve() -> StoredEvent:
    _buyer_has(eaml="10")
    return recorded(solving(MACHINE, user=BUYER, lines=2500))


def _solve_by_own_api() -> StoredEvent:
    _buyer_has(eaml="10")
    return recorded(solving_with_api(MACHINE, user=BUYER, lines=2500))


def _solve_by_market_api() -> StoredEvent:
    _buyer_has("100")
    return recorded(api_market(MACHINE, user=BUYER, lines=250))


def _buy_data() -> StoredEvent:
    _buyer_has("100")
    return recorded(data_source(MACHINE, user=BUYER))


def _copy() -> StoredEvent:
    _buyer_has("100")
    return recorded(machine_copy(MACHINE, user=BUYER))


def _update() -> StoredEvent:
    _buyer_has("100")
    return recorded(copy_update(MACHINE, user=BUYER))


def _pay_in() -> StoredEvent:
    return recorded(top_up(BUYER, 100, reference="pi_1"))


def _pay_out() -> StoredEvent:
    _buyer_has("100")
    recorded(commands.request_payout(BUYER, 80, payout=PAYOUT))
    return recorded(commands.pay(PAYOUT))


def _send_payout_back() -> StoredEvent:
    payout = _pay_out()
    recorded(commands.adjust(BUYER, "due:usd", 20))
    return recorded(commands.reverse(payout.id))


def _pay_a_bill() -> StoredEvent:
    _buyer_has("10")
    recorded(commands.grant(BUYER, "2.5", expires_at=timezone.now() + timedelta(hours=1)))
    return recorded(bill(BUYER, "12.5"))


def _train_on_credit() -> StoredEvent:
    _owner_has("0.01")
    return recorded(training(MACHINE, user=BUYER, lines=1000))


def _pay_a_due_bill() -> StoredEvent:
    fund(User.objects.get(pk=OWNER), usd=1)
    recorded(commands.adjust(OWNER, "due:eaml", "0.03"))
    return recorded(bill(OWNER, 1))


def _pay_in_with_debts() -> StoredEvent:
    recorded(commands.adjust(BUYER, "due:usd", 20))
    return recorded(top_up(BUYER, 100))


def _sell_with_debts() -> StoredEvent:
    recorded(commands.adjust(OWNER, "due:usd", 20))
    return _copy()


def _write_off() -> StoredEvent:
    _train_on_credit()
    return recorded(commands.adjust(OWNER, "due:eaml", "-0.03"))


def _capture_above() -> StoredEvent:
    _owner_has("0.05")
    recorded(commands.place(MACHINE, user=BUYER, lines=1000, kind="training", hold=HOLD))
    return recorded(commands.capture(HOLD, lines=3000))


def _grant() -> StoredEvent:
    return recorded(commands.grant(BUYER, "2.5"))


def _expire() -> StoredEvent:
    recorded(commands.grant(BUYER, "2.5", expires_at=timezone.now() + timedelta(hours=1)))
    recorded(bill(BUYER, 1))
    sweep([BUYER], clock=_in_two_hours)
    return _last_event()


def _reverse_part_of_sale() -> StoredEvent:
    sale = _copy()
    return recorded(commands.reverse(sale.id, 5))


def _reverse_spent_sale(spent_by_payee: str = "due") -> StoredEvent:
    sale = _copy()
    recorded(bill(OWNER, 25))
    return recorded(commands.reverse(sale.id, spent_by_payee=spent_by_payee))


def _reverse_training() -> StoredEvent:
    return recorded(commands.reverse(_train_on_credit().id, "0.035"))


def _reverse_bill() -> StoredEvent:
    return recorded(commands.reverse(_pay_a_bill().id))


def _reverse_bill_late() -> StoredEvent:
    return _recorded_later(commands.reverse(_pay_a_bill().id))


def _offer() -> ConsultingRequest:
    _buyer_has("600")
    request: ConsultingRequest = ConsultingRequest.objects.create(id=17, user_id=BUYER, category="2")
    request.ask_consultant(User.objects.get(pk=OWNER), amount_usd=500, delay_days=14)
    return request


def _sign() -> StoredEvent:
    return recorded(commands.sign(_offer().pk))


def _finish() -> StoredEvent:
    _sign()
    return recorded(commands.end(17, "finish"))


def _cancel() -> StoredEvent:
    _sign()
    return recorded(commands.end(17, "cancel"))


def _split() -> StoredEvent:
    _sign()
    return recorded(commands.end(17, "split", 200))


def _reverse_payment() -> StoredEvent:
    payment = _pay_in()
    recorded(bill(BUYER, 30))
    return recorded(commands.reverse(payment.id))


def _charge_back() -> StoredEvent:
    _pay_in()
    recorded(commands.request_payout(BUYER, 10))
    recorded(bill(BUYER, 50))
    return recorded(commands.charge_back(reference="pi_1"))


def _reverse_coupon() -> StoredEvent:
    return recorded(commands.reverse(_grant().id))


def _open() -> StoredEvent:
    command = OpenBalances(
        user=BUYER,
        occurred_at=timezone.now(),
        usd=amount(30),
        eaml=amount(500),
        coupon=amount(5),
        due_eaml=amount(2),
    )
    sent = {"type": "opening_balance", "operation_user": BUYER}
    sender = Sender(source=SOURCE, request_id="opening", received_at=command.occurred_at)
    return recorded(Submission(sender=sender, command=command, sent=sent))


EXAMPLES: Final[dict[str, Callable[[], StoredEvent]]] = {
    "Training on 1,000 lines.": _train,
    "Solving 2,500 lines.": _solve,
    "Solving 2,500 lines by own API.": _solve_by_own_api,
    "Solving 250 lines by market API.": _solve_by_market_api,
    "Buying the data source.": _buy_data,
    "Copying the machine.": _copy,
    "Updating a copy.": _update,
    "Paying in 100 USD.": _pay_in,
    "Paying out 80 USD.": _pay_out,
    "Reversing a payout of 80 USD with 20 USD due.": _send_payout_back,
    "Paying a bill of 12.50 USD.": _pay_a_bill,
    "Signing contract 17 over 500 USD.": _sign,
    "Finishing it.": _finish,
    "Cancelling it.": _cancel,
    "Splitting it, 200 USD to the consultant.": _split,
    "Training with too few tokens.": _train_on_credit,
    "Paying a bill of 1 USD with 0.03 EAML due.": _pay_a_due_bill,
    "Paying in 100 USD with 20 USD due.": _pay_in_with_debts,
    "Selling a copy with 20 USD due.": _sell_with_debts,
    "Writing off 0.03 EAML.": _write_off,
    "Capturing 3,000 lines of a hold for 1,000.": _capture_above,
    "Granting a coupon of 2.50 USD.": _grant,
    "A coupon of 2.50 USD expires.": _expire,
    "Reversing 5 USD of a sale of 50.": _reverse_part_of_sale,
    "Reversing a sale of 50 USD whose seller has 15 left.": _reverse_spent_sale,
    "Reversing a sale of 50 USD as a loss.": lambda: _reverse_spent_sale("loss"),
    "Reversing 0.035 EAML of a training of which 0.03 is due.": _reverse_training,
    "Reversing a bill of 12.50 USD, of which a coupon paid 2.50.": _reverse_bill,
    "Reversing that bill after the coupon has expired.": _reverse_bill_late,
    "Reversing a payment of 100 USD of which 70 are left.": _reverse_payment,
    "Charging back a payment of 100 USD of which 50 are left, 10 of them held.": _charge_back,
    "Reversing a coupon of 2.50 USD.": _reverse_coupon,
    "Adjusting USD up by 7.": lambda: recorded(commands.adjust(BUYER, "usd", 7)),
    "Adjusting the coupon up by 7.": lambda: recorded(commands.adjust(BUYER, "coupon", 7)),
    "Adjusting due USD up by 7.": lambda: recorded(commands.adjust(BUYER, "due:usd", 7)),
    "Opening with 30 USD, 500 EAML, a coupon of 5 USD and 2 EAML due.": _open,
}


def _documented() -> dict[str, pages.Table]:
    found: dict[str, pages.Table] = {}
    for table in pages.tables(PAGE):
        if table.header == _HEADER:
            label = _LABEL.match(table.before)
            assert label is not None, table.before
            assert label["label"] not in found
            found[label["label"]] = table
    return found


def test_every_example_of_the_page_is_known() -> None:
    """A new table needs a function here, and a new function needs a table."""
    assert list(_documented()) == list(EXAMPLES)


@pytest.mark.parametrize("label", EXAMPLES)
def test_the_engine_makes_the_transfers_of_the_example(label: str, cast: tuple[User, User]) -> None:
    """Debit, credit, currency and amount of each transfer agree, in order."""
    data = EXAMPLES[label]().data
    made = [
        (f"`{debit}`", f"`{credit}`", pair["currency"], value)
        for (debit, credit, value), pair in zip(transfers(data), data["transfers"], strict=True)
    ]
    assert made == _documented()[label].rows


def test_every_kind_of_operation_has_an_example(cast: tuple[User, User]) -> None:
    """These are the nine kinds on the wire and all other kinds."""
    kinds = set()
    for example in EXAMPLES.values():
        with rolled_back():
            kinds.add(example().data["kind"])
    assert kinds == set(Kind)


def test_a_hold_changes_what_is_available_as_shown(cast: tuple[User, User]) -> None:
    """Balance, held and available agree after each step."""
    _owner_has("10")
    steps: list[Callable[[], Any]] = [
        lambda: None,
        lambda: recorded(commands.place(MACHINE, user=BUYER, lines=1000, kind="training", hold=HOLD)),
        lambda: recorded(commands.capture(HOLD, lines=500, final=False)),
        lambda: recorded(commands.capture(HOLD, lines=300)),
    ]
    table = pages.table(PAGE, "after", "balance of `user:41:eaml`", "held", "available")
    for step, (_, *shown) in zip(steps, table.rows, strict=True):
        step()
        with connection.cursor() as cursor:
            cursor.execute("select balance, held from ledger_account where code = 'user:41:eaml'")
            balance, held = cursor.fetchone()
        assert [short(balance), short(held), short(balance - held)] == shown


def test_the_accounts_are_those_of_the_chart() -> None:
    """Codes, currencies and normal sides agree, in the chart's order."""
    side = {"D": "debit", "C": "credit"}
    ours, platforms = (
        [row[:3] for row in table.rows]
        for table in pages.tables(PAGE)
        if table.header == ("account", "currency", "grows by", "what")
    )
    assert ours == [(f"`{each.name}`", each.currency, side[each.normal_side]) for each in USER_ACCOUNTS]
    assert f"`{ESCROW.name}:<contract>`" in PAGE.read_text(encoding="utf-8")
    assert platforms == [
        (f"`{each.code}`", each.currency, side[each.normal_side]) for each in PLATFORM_ACCOUNTS
    ]


def test_the_terms_are_those_of_the_first_tariff() -> None:
    """The page has every term as a new ledger publishes it."""
    shown = pages.table(PAGE, "term", "tariff 1").by_name()
    due = shown.pop("becomes due where the payer is short")
    wanted = dict(DEFAULT_TERMS)
    assert wanted.pop("when_short") == dict.fromkeys(due.split(", "), "due")
    said = {False: "no", True: "yes"}
    assert shown == {
        f"`{name}`": said[value] if isinstance(value, bool) else value for name, value in wanted.items()
    }


def test_the_examples_of_rounding_come_to_what_they_say() -> None:
    """Each rule is computed by the function that implements it."""
    rules: dict[str, Callable[..., Decimal]] = {
        "price × quantity, over all bands": money.multiply,
        "commission": lambda rate, gross: money.commission(gross, rate),
        "tokens for USD": money.tokens_for,
        "tokens back for a part of a bill": money.part_rounded_up,
    }
    rows = pages.table(PAGE, "what", "how", "example", "comes to").rows
    assert [row[0] for row in rows] == list(rules)
    for what, _, example, comes_to in rows:
        numbers = [Decimal(number) for number in re.findall(r"[\d.]+", example)]
        assert money.text(rules[what](*numbers)) == comes_to


def _last_event() -> StoredEvent:
    with connection.cursor() as cursor:
        cursor.execute("select max(position) from events_event")
        position: int = cursor.fetchone()[0]
    (event,) = store.read(after=position - 1, upto=position, limit=1)
    return event


def test_operation_counts_in_the_month_of_the_table(cast: tuple[User, User]) -> None:
    """The rows are operations that are recorded in time, late but in time for the month, and too late."""
    _, buyer = cast
    header = ("when an operation occurred", "when it is recorded", "October is", "counts in")
    for row in pages.table(PAGE, *header).rows:
        occurred_at, recorded_at = (_day(written) for written in row[:2])
        with rolled_back():
            if row[2] == "closed":
                _close(Month(2026, 10), recorded_at)
            submission = top_up(buyer, 1)
            assert isinstance(submission.command, RecordOperation)
            command = replace(submission.command, occurred_at=occurred_at)
            post([replace(submission, command=command)], clock=lambda: recorded_at)  # noqa: B023
            effective_at = Operation.objects.get(kind="credit_from_user").effective_at
        assert f"{effective_at:%B}" == row[3], row


def _close(month: Month, at: datetime) -> None:
    (made,) = post([commands.change_period("close", month)], clock=lambda: at)
    assert made.event is not None
    (done,) = post([commands.approve(made.event.id, subject="period")], clock=lambda: at)
    assert done.status == "recorded"


def _day(written: str) -> datetime:
    """Return the time of `20 October` in the year of the page's examples."""
    return datetime.strptime(f"{written} 2026 +0000", "%d %B %Y %z")
