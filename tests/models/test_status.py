"""Works and consulting requests have exactly one status, and only allowed transitions."""

from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from models import ConsultingRequest, Credit, Machine, Server, User, Work
from models import consulting as consulting_module
from models import work as work_module
from models.errors import TransitionRefused
from models.status import StatusModel
from tests.models.conftest import new_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def work(machine: Machine) -> Work:
    return Work.objects.create(
        machine=machine, is_work_training=True, is_work_status_wait_for_server_start=True
    )


@pytest.fixture
def request_(buyer: User) -> ConsultingRequest:
    return ConsultingRequest.objects.create(user=buyer, category="2", description="Make it faster")


@pytest.fixture
def consultant(db: None) -> User:
    return new_user("consultant")


def test_a_work_runs_from_waiting_to_finished(work: Work) -> None:
    """It stores the times of its steps."""
    server = Server.objects.create(server_name="gpu-1")
    assert (work.mode, work.status) == ("training", "wait_for_server_start")
    assert Work.objects.get(pk=work.pk).work_finished_at_date_time is None
    work.start(server)
    started = Work.objects.get(pk=work.pk)
    assert (started.server, started.status) == (server, "server_processing")
    work.finish()
    stored = Work.objects.get(pk=work.pk)
    assert stored.status == "server_finished"
    assert stored.work_finished_at_date_time is not None
    assert str(stored) == f"work {work.pk}: training, server_finished"


def test_a_failed_work_can_wait_again(work: Work) -> None:
    """It can be finished later."""
    work.start()
    work.fail()
    failed = Work.objects.get(pk=work.pk)
    work.wait_again()
    waiting = Work.objects.get(pk=work.pk)
    assert failed.work_finished_at_date_time is not None
    assert waiting.work_finished_at_date_time is None
    work.start()
    work.finish()
    assert Work.objects.get(pk=work.pk).status == "server_finished"


@pytest.mark.parametrize("flags", [{}, {"is_work_training": True, "is_work_solving": True}])
def test_a_work_has_exactly_one_mode(machine: Machine, flags: dict[str, bool]) -> None:
    """save() refuses none and both."""
    with pytest.raises(ValidationError, match="Exactly one mode"):
        Work.objects.create(machine=machine, is_work_status_wait_for_server_start=True, **flags)
    assert not Work.objects.exists()


@pytest.mark.parametrize(
    "flags",
    [
        {},
        {"is_work_status_wait_for_server_start": False},
        {"is_work_status_wait_for_server_start": True, "is_work_status_server_error": True},
    ],
)
def test_a_work_has_exactly_one_status(machine: Machine, flags: dict[str, bool]) -> None:
    """save() refuses none and two."""
    with pytest.raises(ValidationError, match="Exactly one status"):
        Work.objects.create(machine=machine, is_work_solving=True, **flags)
    assert not Work.objects.exists()


@pytest.mark.parametrize(
    "flags",
    [
        {"is_work_training": None},
        {"is_work_solving": True},
        {"is_work_status_wait_for_server_start": None},
        {"is_work_status_server_error": True},
    ],
)
def test_the_database_checks_mode_and_status_too(work: Work, flags: dict[str, bool | None]) -> None:
    """Writes that bypass save() are refused too."""
    sets = ", ".join(f"{name} = %s" for name in flags)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"update models_work set {sets} where id = %s", [*flags.values(), work.pk])
    assert Work.objects.get(pk=work.pk).status == "wait_for_server_start"


@pytest.mark.parametrize(("old", "new"), list(product(work_module.FOLLOWS, repeat=2)))
def test_a_work_makes_only_allowed_transitions(machine: Machine, old: str, new: str) -> None:
    """Every pair of statuses is tried by setting the flags by hand."""
    work = Work.objects.create(machine=machine, is_work_training=True, **{old: True})
    setattr(work, old, False)
    setattr(work, new, True)
    if new == old or new in work_module.FOLLOWS[old]:
        work.save()
        assert getattr(Work.objects.get(pk=work.pk), new) is True
    else:
        with pytest.raises(TransitionRefused, match="cannot go from"):
            work.save()
        assert getattr(Work.objects.get(pk=work.pk), old) is True


def test_a_refused_transition_does_not_change_the_object(work: Work) -> None:
    """Another step can follow."""
    with pytest.raises(TransitionRefused):
        work.finish()
    assert work.status == "wait_for_server_start"
    assert work.work_finished_at_date_time is None
    work.start()


def test_only_one_of_two_servers_gets_the_work(work: Work) -> None:
    """The second server loaded the work earlier, and is refused."""
    first, second = Work.objects.get(pk=work.pk), Work.objects.get(pk=work.pk)
    one, two = (Server.objects.create(server_name=name) for name in ("one", "two"))
    first.start(one)
    with pytest.raises(TransitionRefused, match="load it again"):
        second.start(two)
    assert Work.objects.get(pk=work.pk).server == one


def test_a_stale_object_does_not_revert_a_status(work: Work) -> None:
    """Saving it whole is refused; saving other columns is not."""
    stale = Work.objects.get(pk=work.pk)
    work.start()
    with pytest.raises(TransitionRefused):
        stale.save()
    stale.save(update_fields=["work_duration_estimation_seconds"])
    assert Work.objects.get(pk=work.pk).status == "server_processing"
    stale.refresh_from_db()
    stale.finish()


def test_a_work_loaded_in_part_can_change_its_status(work: Work) -> None:
    """Missing columns are loaded when they are needed."""
    part = Work.objects.only("machine").get(pk=work.pk)
    part.start()
    assert Work.objects.get(pk=work.pk).status == "server_processing"


@pytest.mark.parametrize("flag", list(work_module.FOLLOWS))
def test_statuses_do_not_change_in_bulk(work: Work, flag: str) -> None:
    """Only rows check transitions; the error names their methods."""
    writes: list[Callable[[], Any]] = [
        lambda: Work.objects.update(**{flag: True}),
        lambda: Work.objects.bulk_update([work], [flag]),
        lambda: Work.objects.bulk_create(
            [work], update_conflicts=True, update_fields=[flag], unique_fields=["id"]
        ),
    ]
    for write in writes:
        with pytest.raises(TransitionRefused, match=flag):
            write()
    assert Work.objects.get(pk=work.pk).status == "wait_for_server_start"


def test_other_columns_change_in_bulk(work: Work) -> None:
    server = Server.objects.create(server_name="one")
    assert Work.objects.update(server=server) == 1
    assert Work.objects.get(pk=work.pk).server == server


def test_works_of_a_machine_have_the_documents_name(work: Work, machine: Machine) -> None:
    """The reverse name is `Work`."""
    assert list(machine.Work.all()) == [work]


def test_a_new_request_is_open(request_: ConsultingRequest) -> None:
    """No status has to be given."""
    assert request_.status == "request_open"
    assert str(request_) == "Machine performance: request_open"


def test_a_request_becomes_a_contract_and_is_finished(request_: ConsultingRequest, consultant: User) -> None:
    """The steps are asking, approving and finishing."""
    Credit.objects.create(user=request_.user, amount=500)
    request_.ask_consultant(consultant, amount_usd=500, delay_days=14)
    assert request_.status == "waiting_consultant_approval"
    request_.approve()
    assert ConsultingRequest.objects.get(pk=request_.pk).status == "contract"
    request_.finish()
    stored = ConsultingRequest.objects.get(pk=request_.pk)
    assert (stored.status, stored.consultant_user, stored.amount_usd, stored.delay_days) == (
        "contract_finished",
        consultant,
        500,
        14,
    )


def test_a_consultant_can_decline(request_: ConsultingRequest, consultant: User) -> None:
    """The request is then open to another consultant."""
    request_.ask_consultant(consultant, amount_usd=500, delay_days=14)
    request_.decline()
    stored = ConsultingRequest.objects.get(pk=request_.pk)
    assert (stored.status, stored.consultant_user) == ("request_open", None)


@pytest.mark.parametrize("steps", [0, 1, 2])
def test_a_request_can_be_cancelled_until_it_is_finished(
    request_: ConsultingRequest, consultant: User, steps: int
) -> None:
    """Afterwards no further step is allowed."""
    Credit.objects.create(user=request_.user, amount=500)
    if steps > 0:
        request_.ask_consultant(consultant, amount_usd=500, delay_days=14)
    if steps > 1:
        request_.approve()
    request_.cancel()
    assert ConsultingRequest.objects.get(pk=request_.pk).status == "cancelled"
    with pytest.raises(TransitionRefused, match="nothing"):
        request_.ask_consultant(consultant, amount_usd=1, delay_days=1)


@pytest.mark.parametrize(("old", "new"), list(product(consulting_module.FOLLOWS, repeat=2)))
def test_a_request_makes_only_allowed_transitions(buyer: User, consultant: User, old: str, new: str) -> None:
    """Every pair of statuses is tried."""
    row = ConsultingRequest.objects.create(
        user=buyer, category="1", consultant_user=consultant, amount_usd=0, **{old: True}
    )
    setattr(row, old, None)
    setattr(row, new, True)
    if new == old or new in consulting_module.FOLLOWS[old]:
        row.save()
        assert getattr(ConsultingRequest.objects.get(pk=row.pk), new) is True
    else:
        with pytest.raises(TransitionRefused):
            row.save()
        assert getattr(ConsultingRequest.objects.get(pk=row.pk), old) is True


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("category", "5"),
        ("category", ""),
        ("amount_usd", -1),
        ("budget_estimation", -0.5),
        ("delay_days", -1),
        ("is_status_contract", True),
    ],
)
def test_an_invalid_request_is_refused(buyer: User, field: str, value: Any) -> None:
    """It has an unknown category, a negative number or two statuses."""
    values: dict[str, Any] = {"category": "1", "is_status_request_open": True, field: value}
    with pytest.raises(ValidationError):
        ConsultingRequest.objects.create(user=buyer, **values)
    assert not ConsultingRequest.objects.exists()


def test_the_status_of_a_contract_over_money_is_not_set_by_hand(
    request_: ConsultingRequest, consultant: User
) -> None:
    """Otherwise the money would stay where it is."""
    Credit.objects.create(user=request_.user, amount=500)
    request_.ask_consultant(consultant, amount_usd=500, delay_days=14)
    for signed in (False, True):
        if signed:
            request_.approve()
        row = ConsultingRequest.objects.get(pk=request_.pk)
        row.is_status_waiting_consultant_approval = False
        row.is_status_contract, row.is_status_cancelled = not signed, signed
        with pytest.raises(TransitionRefused, match="money"):
            row.save()
    assert ConsultingRequest.objects.get(pk=request_.pk).status == "contract"


def test_a_contract_needs_a_consultant_and_an_amount(buyer: User) -> None:
    with pytest.raises(ValidationError, match="consultant"):
        ConsultingRequest.objects.create(user=buyer, category="1", is_status_contract=True)


def test_a_user_cannot_be_their_own_consultant(request_: ConsultingRequest, buyer: User) -> None:
    """The object does not change."""
    with pytest.raises(ValidationError, match="own consultant"):
        request_.ask_consultant(buyer, amount_usd=500, delay_days=14)
    assert (request_.status, request_.consultant_user) == ("request_open", None)


def test_deletion_follows_the_document(
    request_: ConsultingRequest, buyer: User, consultant: User, machine: Machine
) -> None:
    """The request stays without its user, and is deleted with its consultant or machine."""
    request_.machine = machine
    request_.save()
    buyer.delete()
    request_.refresh_from_db()
    assert request_.user is None
    request_.ask_consultant(consultant, amount_usd=1, delay_days=1)
    consultant.delete()
    assert not ConsultingRequest.objects.exists()


def test_both_tables_are_status_models() -> None:
    """Tests of shared behaviour for one of them hold for the other."""
    assert issubclass(Work, StatusModel)
    assert issubclass(ConsultingRequest, StatusModel)
