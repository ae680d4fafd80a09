"""The calls through the port to the ledger, argument by argument, and the errors without a ledger.

These tests run on the tables alone, where a small ledger keeps the arguments of its calls.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.conf import LazySettings

from models import (
    ConsultingRequest,
    Credit,
    CreditIXIOO,
    Debit,
    Entry,
    LedgerNotInstalled,
    Machine,
    Operation,
    User,
)
from models.posting import FLAGS, KIND_OF_FLAG
from tests.models import small_ledger

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_called() -> None:
    small_ledger.calls.clear()


@pytest.mark.parametrize("flag", FLAGS)
def test_an_operation_is_posted_with_all_given_values(
    machine: Machine, owner: User, buyer: User, flag: str
) -> None:
    """The kind is that of the flag; no value is added or lost."""
    fields: dict[str, Any] = {flag: True, "amount": 12.5}
    operation = Operation.objects.create(
        machine=machine,
        machine_owner=owner,
        operation_user=buyer,
        count_of_lines=10,
        count_of_training_epoch=5,
        **fields,
    )
    assert small_ledger.calls == [
        {
            "kind": KIND_OF_FLAG[flag],
            "operation_user_id": buyer.pk,
            "machine_id": machine.pk,
            "count_of_lines": 10,
            "count_of_training_epoch": 5,
            "amount": Decimal("12.5"),
        }
    ]
    assert getattr(operation, flag) is True


def test_values_that_are_not_given_are_posted_as_none(owner: User) -> None:
    """The ledger decides which values a kind needs."""
    Operation.objects.create(operation_user=owner, is_pay_a_bill_operation=True)
    assert small_ledger.calls == [
        {
            "kind": "pay_a_bill",
            "operation_user_id": owner.pk,
            "machine_id": None,
            "count_of_lines": None,
            "count_of_training_epoch": None,
            "amount": None,
        }
    ]


def test_links_are_posted_together_and_once(owner: User) -> None:
    """They are posted in one call, and not again by the next save."""
    operation = Operation.objects.create(operation_user=owner, is_pay_a_bill_operation=True)
    debit = Debit.objects.create(user=owner, amount=1)
    tokens = CreditIXIOO.objects.create(user=owner, amount=100)
    small_ledger.calls.clear()
    operation.debit, operation.credit_ixioo = debit, tokens
    operation.save()
    operation.save()
    assert small_ledger.calls == [
        {"operation_id": operation.pk, "links": {"debit": debit.pk, "credit_ixioo": tokens.pk}}
    ]
    assert owner.last_billing_time == operation.recorded_at


def test_users_are_closed_before_they_are_deleted(owner: User, buyer: User) -> None:
    """Each of the deleted users is closed."""
    User.objects.filter(pk__in=[owner.pk, buyer.pk]).delete()
    assert [call["closed"] for call in small_ledger.calls] == sorted([owner.pk, buyer.pk])


def test_without_a_ledger_posting_says_what_to_do(
    machine: Machine, owner: User, settings: LazySettings
) -> None:
    """Posting and linking store nothing."""
    operation = Operation.objects.create(
        machine=machine, operation_user=owner, is_training_operation=True, count_of_lines=1
    )
    credit = Credit.objects.create(user=owner, amount=1)
    settings.LEDGER_POST = None
    operation.credit = credit
    writes: list[Callable[[], Any]] = [
        lambda: Operation.objects.create(operation_user=owner, is_training_operation=True),
        lambda: Credit.objects.create(user=owner, amount=100.00),
        operation.save,
    ]
    for write in writes:
        with pytest.raises(LedgerNotInstalled, match="LEDGER_POST"):
            write()
    assert (Operation.objects.count(), Entry.objects.count()) == (2, 4)
    assert Operation.objects.get(pk=operation.pk).credit is None


def test_without_a_ledger_only_a_user_without_entries_can_be_deleted(
    owner: User, buyer: User, settings: LazySettings
) -> None:
    """Only the ledger can close a user's accounts."""
    Credit.objects.create(user=owner, amount=1)
    settings.LEDGER_POST = None
    with pytest.raises(LedgerNotInstalled):
        owner.delete()
    buyer.delete()
    assert list(User.objects.all()) == [owner]


def test_without_a_ledger_only_contracts_without_money_can_proceed(
    owner: User, buyer: User, settings: LazySettings
) -> None:
    """A contract for nothing is signed and finished; one for money stays as it was."""
    free, paid = (ConsultingRequest.objects.create(user=buyer, category="1") for _ in range(2))
    for request, amount in ((free, 0), (paid, 500)):
        request.ask_consultant(owner, amount_usd=amount, delay_days=1)
    settings.LEDGER_POST = None
    free.approve()
    free.finish()
    assert ConsultingRequest.objects.get(pk=free.pk).status == "contract_finished"
    with pytest.raises(LedgerNotInstalled, match="contract"):
        paid.approve()
    assert ConsultingRequest.objects.get(pk=paid.pk).status == "waiting_consultant_approval"
    paid.cancel()
    assert ConsultingRequest.objects.get(pk=paid.pk).status == "cancelled"


def test_steps_of_a_contract_are_posted(owner: User, buyer: User) -> None:
    """Each with its name, and a split with its amount."""
    request = ConsultingRequest.objects.create(user=buyer, category="1")
    request.ask_consultant(owner, amount_usd=500, delay_days=1)
    small_ledger.calls.clear()
    request.approve()
    request.split("120.5")
    assert small_ledger.calls == [
        {"contract_id": request.pk, "step": "contract", "amount": None},
        {"contract_id": request.pk, "step": "split", "amount": Decimal("120.5")},
    ]
    assert request.status == "contract_finished"


def test_without_a_ledger_everything_can_be_read(owner: User, settings: LazySettings) -> None:
    """The port is only for writing."""
    credit = Credit.objects.create(user=owner, amount=1)
    settings.LEDGER_POST = None
    assert Credit.objects.get_all_by_user(owner).get() == credit
    assert Operation.objects.filter(operation_user=owner).count() == 1
    credit.save()
