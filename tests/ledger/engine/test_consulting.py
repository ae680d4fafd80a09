"""Consulting on the real database: money and status change together and once, by every route."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection

from ledger.domain.errors import ContractEnded, ContractNotOffered, InsufficientFunds
from ledger.engine.posting import post, quote
from ledger.models import Account, ConsultingContract
from models import ConsultingRequest, Credit, Machine, User
from models.errors import TransitionRefused
from projections.rebuild_balances import rebuild_balances
from projections.rebuild_rows import rebuild_records
from projections.verification import verify
from tests import builders as make
from tests import commands as do
from tests.builders import balances, code_of, counts, fund, make_user, on_user, post_one, recorded, short
from tests.connections import Held, Worker, together, until, waits_for_a_lock

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def verified_afterwards(transactional_db: None) -> Iterator[None]:
    """Check after each test that `verify` finds no mismatch."""
    yield
    assert mismatches() == []


@pytest.fixture
def client() -> User:
    """A client with 600 USD."""
    return fund(make_user(), usd=600)


@pytest.fixture
def consultant() -> User:
    return make_user()


@pytest.fixture
def offer(client: User, consultant: User) -> ConsultingRequest:
    """500 USD of work that the consultant may approve."""
    made: ConsultingRequest = ConsultingRequest.objects.create(user=client, category="2")
    made.ask_consultant(consultant, amount_usd=500, delay_days=14)
    return made


def usd(user: User) -> str:
    return short(on_user(user)[0])


def escrow(offer: ConsultingRequest) -> str:
    return short(Account.objects.get(code=f"escrow:{offer.pk}").balance)


def status(offer: ConsultingRequest) -> str:
    return ConsultingRequest.objects.get(pk=offer.pk).status


def test_approved_and_finished_request_pays_the_consultant(
    offer: ConsultingRequest, client: User, consultant: User
) -> None:
    """The methods of the model `ConsultingRequest` are enough."""
    offer.approve()
    assert (usd(client), escrow(offer), offer.status) == ("100", "500", "contract")
    offer.finish()
    assert (usd(client), usd(consultant), escrow(offer)) == ("100", "400", "0")
    assert (offer.status, status(offer)) == ("contract_finished", "contract_finished")


def test_cancelled_contract_returns_the_money(offer: ConsultingRequest, client: User) -> None:
    """A request that is not a contract yet has no money to return."""
    offer.approve()
    offer.cancel()
    assert (usd(client), status(offer)) == ("600", "cancelled")
    other = ConsultingRequest.objects.create(user=client, category="2")
    other.cancel()
    assert status(other) == "cancelled"
    assert not ConsultingContract.objects.filter(pk=other.pk).exists()


def test_split_pays_both(offer: ConsultingRequest, client: User, consultant: User) -> None:
    """The consultant gets the part less commission, and the client the rest."""
    offer.approve()
    offer.split(200)
    assert (usd(client), usd(consultant), status(offer)) == ("400", "160", "contract_finished")


def test_client_without_enough_money_signs_nothing(offer: ConsultingRequest, client: User) -> None:
    """The request stays as it is, and can be approved after a top-up."""
    recorded(make.bill(client, 101))
    for _ in range(2):
        with pytest.raises(InsufficientFunds):
            offer.approve()
    assert (offer.status, status(offer)) == ("waiting_consultant_approval", "waiting_consultant_approval")
    assert not Account.objects.filter(code=f"escrow:{offer.pk}").exists()
    Credit.objects.create(user=client, amount=1)
    offer.approve()
    assert escrow(offer) == "500"


def test_step_out_of_order_is_refused_before_the_ledger_is_asked(offer: ConsultingRequest) -> None:
    """The model refuses it, as every transition of a status."""
    before = counts()
    for step in (offer.finish, lambda: offer.split(1)):
        with pytest.raises(TransitionRefused):
            step()
    assert counts() == before


def test_stale_request_does_not_move_money_twice(offer: ConsultingRequest, consultant: User) -> None:
    """The ledger decides by its own state, not by an object that was read before."""
    stale = ConsultingRequest.objects.get(pk=offer.pk)
    offer.approve()
    with pytest.raises(ContractNotOffered):
        stale.approve()
    stale = ConsultingRequest.objects.get(pk=offer.pk)
    offer.finish()
    with pytest.raises(ContractEnded):
        stale.cancel()
    assert usd(consultant) == "400"


def test_failure_after_the_decision_also_rolls_the_status_back(
    offer: ConsultingRequest, client: User
) -> None:
    """Status and money are in the same transaction."""

    class Failing:
        def begin(self, cursor: Any) -> None:
            """Do nothing."""

        def finish(self, cursor: Any, _: Any) -> None:
            cursor.execute("select is_status_contract from models_consultingrequest")
            assert cursor.fetchone() == (True,)
            raise ConnectionAbortedError

    with pytest.raises(ConnectionAbortedError):
        post([do.sign(offer.pk)], hook=Failing())
    assert (usd(client), status(offer)) == ("600", "waiting_consultant_approval")


def test_commands_of_services_change_the_status_too(offer: ConsultingRequest, consultant: User) -> None:
    """Status and contract are the same by every route."""
    signed = recorded(do.sign(offer.pk))
    assert status(offer) == "contract"
    assert signed.data["operation_user"] == offer.user_id
    assert code_of(post_one(do.sign(offer.pk))) == "contract_not_offered"
    recorded(do.end(offer.pk, "finish"))
    assert (status(offer), usd(consultant)) == ("contract_finished", "400")


def test_quote_of_a_contract_writes_nothing(offer: ConsultingRequest) -> None:
    """It writes no event, creates no account and changes no status."""
    before = counts(), Account.objects.count()
    outcome = quote(do.sign(offer.pk))
    assert outcome.event is not None
    assert outcome.event.data["accounts"][f"escrow:{offer.pk}"]["balance"] == "500.00000000"
    assert (counts(), Account.objects.count(), status(offer)) == (*before, "waiting_consultant_approval")


def test_contract_cannot_be_finished_in_the_batch_that_signs_it(
    offer: ConsultingRequest, consultant: User
) -> None:
    """It is unknown when the batch is planned, so the command is rejected and has to be sent again."""
    outcomes = post([do.sign(offer.pk), do.end(offer.pk, "finish", key="finish")])
    assert [code_of(outcome) for outcome in outcomes] == ["recorded", "contract_unknown"]
    recorded(do.end(offer.pk, "finish"))
    assert usd(consultant) == "400"


def test_escrow_is_on_no_balance_or_statement_of_a_user(offer: ConsultingRequest, client: User) -> None:
    """The entries on the client's statement add up to the client's balance."""
    offer.approve()
    assert f"escrow:{offer.pk}" in balances(client)
    spent = Credit.objects.get_all_by_user(client).count(), client.pk
    offer.cancel()
    assert Credit.objects.get_all_by_user(client).count() == spent[0] + 1


def test_user_with_money_in_escrow_is_not_deleted(
    offer: ConsultingRequest, client: User, consultant: User
) -> None:
    """The own accounts may be empty. The consultant can be deleted: then the money can be returned."""
    offer.approve()
    recorded(make.bill(client, 100))
    recorded(do.adjust(client, "eaml", -10_000, alone_max=make.amount(10_000)))
    with pytest.raises(Exception, match="cannot be deleted"):
        client.delete()
    consultant.delete()
    assert code_of(post_one(do.end(offer.pk, "finish"))) == "user_gone"
    recorded(do.end(offer.pk, "cancel"))
    assert usd(client) == "500"


@pytest.mark.parametrize("first", ["finish", "cancel"])
def test_concurrent_finish_and_cancel_end_a_contract_once(
    offer: ConsultingRequest, client: User, consultant: User, held: Held, first: str
) -> None:
    """The second waits, and learns that the contract has ended."""
    offer.approve()
    second = "cancel" if first == "finish" else "finish"
    one = Worker(lambda: post([do.end(offer.pk, first)], hook=held))
    assert held.reached.wait(10)
    other = Worker(lambda: post_one(do.end(offer.pk, second)))
    until(waits_for_a_lock)
    held.let_go.set()
    assert (code_of(one.answer()[0]), code_of(other.answer())) == ("recorded", "contract_ended")
    paid = {"finish": ("100", "400", "contract_finished"), "cancel": ("600", "0", "cancelled")}[first]
    assert (usd(client), usd(consultant), status(offer)) == paid


def test_concurrent_finish_and_cancel_of_two_model_instances(offer: ConsultingRequest, client: User) -> None:
    """One of the two calls raises."""
    offer.approve()
    one, other = (ConsultingRequest.objects.get(pk=offer.pk) for _ in range(2))

    def succeeds(step: Callable[[], None]) -> bool:
        try:
            step()
        except (ContractEnded, TransitionRefused):
            return False
        return True

    assert sorted(together(lambda: succeeds(one.finish), lambda: succeeds(other.cancel))) == [False, True]
    assert escrow(offer) == "0"
    assert usd(client) in {"100", "600"}


def test_concurrent_signing_and_spending_use_the_money_once(offer: ConsultingRequest, client: User) -> None:
    """It is either in escrow or spent."""
    outcomes = together(lambda: post_one(do.sign(offer.pk)), lambda: post_one(make.bill(client, 500)))
    assert sorted(map(code_of, outcomes)) == ["insufficient_funds", "recorded"]


def test_lost_contracts_are_restored(offer: ConsultingRequest, machine: Machine) -> None:
    """Rebuilds restore contract, escrow, operation and entries from the log."""
    del machine
    offer.approve()
    ConsultingContract.objects.all().delete()
    with connection.cursor() as cursor:
        cursor.execute("update ledger_account set balance = 0, version = 0 where kind = 'escrow'")
        cursor.execute("set session_replication_role = replica")
        cursor.execute(
            "delete from models_entry where operation_id in (select id from models_operation"
            " where kind = 'consulting_contract')"
        )
        cursor.execute("delete from models_operation where kind = 'consulting_contract'")
        cursor.execute("set session_replication_role = origin")
    assert mismatches() != []
    assert rebuild_balances() == 2
    assert rebuild_records() == (1, 2)
    offer.finish()


def test_status_that_differs_from_its_contract_is_found_and_corrected(offer: ConsultingRequest) -> None:
    """A statement had changed it without the ORM."""
    offer.approve()
    with connection.cursor() as cursor:
        cursor.execute(
            "update models_consultingrequest set is_status_contract = false, is_status_cancelled = true"
        )
    (found,) = mismatches()
    assert found.startswith(f"consulting request {offer.pk}: status: ")
    assert rebuild_balances() == 1
    assert status(offer) == "contract"


def test_contract_that_differs_from_its_escrow_is_found(offer: ConsultingRequest) -> None:
    """The log itself was changed here."""
    offer.approve()
    contract = "{contracts,%s,remaining}" % offer.pk  # noqa: UP031 (a path with braces)
    with connection.cursor() as cursor:
        cursor.execute("set session_replication_role = replica")
        for value in ("499.00000000", "500.00000000"):
            cursor.execute(
                """update events_event set data = jsonb_set(data, %s::text[], to_jsonb(%s::text))
                   where data ->> 'kind' = 'consulting_contract'""",
                [contract, value],
            )
            if value.startswith("499"):
                assert any(f"contract of escrow:{offer.pk}" in line for line in mismatches())
        cursor.execute("set session_replication_role = origin")


def mismatches() -> list[str]:
    """Return everything that `verify` finds."""
    found: list[str] = []
    verify(report=lambda mismatch: found.append(str(mismatch)))
    return found
