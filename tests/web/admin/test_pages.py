"""Every page of the administration opens and shows its rows, and read-only rows cannot be changed."""

from http import HTTPStatus
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin as administration
from django.contrib.auth.models import Group
from django.db import connection, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from events.models import DeadLetter, Event
from ledger.engine.posting import post
from ledger.models import ApiKey
from models import Machine, Team, User
from models.billing import Entry, Operation
from tests import builders as make
from tests.projections.world import World
from web.admin.pages import ReadOnlyAdmin

_ALL = sorted(administration.site._registry, key=lambda model: model._meta.label)
_READ_ONLY = [model for model in _ALL if isinstance(administration.site._registry[model], ReadOnlyAdmin)]
_EDITABLE = {User, Machine, Team, Group}


def _url(model: type[models.Model], page: str, *arguments: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=arguments)


def _first(model: type[models.Model]) -> Any:
    return model._default_manager.order_by("-pk").first()


def test_everything_but_users_groups_machines_and_teams_is_read_only() -> None:
    """A newly registered model must be read-only or be listed here."""
    assert set(_ALL) - set(_READ_ONLY) == _EDITABLE


@pytest.mark.parametrize("model", _ALL, ids=lambda model: model._meta.label)
def test_a_list_opens_and_can_be_searched(admin: Client, model: type[models.Model]) -> None:
    """Terms are an id, a number, part of an address, and nonsense."""
    url = _url(model, "changelist")
    page = admin.get(url)
    assert page.status_code == 200
    for term in ("01a205b9-5a05-79df-a1f7-6b7c0becd1be", "7", "user", "9" * 30 + " ٣\N{BELL} %_':\""):
        assert admin.get(url, {"q": term}).status_code == 200, term


@pytest.mark.parametrize("model", _ALL, ids=lambda model: model._meta.label)
def test_the_page_of_a_row_opens(admin: Client, model: type[models.Model]) -> None:
    """Every model has a row but those without any in this world."""
    row = _first(model)
    if row is None:
        assert model._meta.label in {"models.Team", "auth.Group"}
        return
    page = admin.get(_url(model, "change", row.pk))
    assert page.status_code == 200


@pytest.mark.parametrize("model", _ALL, ids=lambda model: model._meta.label)
def test_the_page_of_an_unknown_row_redirects_to_the_first_page(
    admin: Client, model: type[models.Model]
) -> None:
    """The id may have any form."""
    for key in ("zebra", "0", "01a205b9-5a05-79df-a1f7-6b7c0becd1be"):
        answer = admin.get(_url(model, "change", key))
        assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/"), key


@pytest.mark.parametrize("model", _READ_ONLY, ids=lambda model: model._meta.label)
def test_a_read_only_row_cannot_be_added_changed_or_deleted(admin: Client, model: type[models.Model]) -> None:
    """Even a superuser gets 403, and the number of rows stays."""
    before = model._default_manager.count()
    assert admin.get(_url(model, "add")).status_code == 403
    assert admin.post(_url(model, "add"), {}).status_code == 403
    row = _first(model)
    if row is not None:
        assert admin.post(_url(model, "change", row.pk), {"kind": "x"}).status_code == 403
        assert admin.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
        action = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        admin.post(_url(model, "changelist"), action)
    assert model._default_manager.count() == before


@pytest.mark.parametrize("model", [User, Machine], ids=lambda model: model._meta.label)
def test_users_and_machines_are_not_deleted_here(admin: Client, model: type[models.Model]) -> None:
    """Their deletion would delete billing rows."""
    row = _first(model)
    assert admin.post(_url(model, "delete", row.pk), {"post": "yes"}).status_code == 403


@pytest.mark.parametrize(
    "model", [Operation, Entry, Event, User, Machine], ids=lambda model: model._meta.label
)
def test_a_longer_list_makes_no_more_queries(admin: Client, world: World, model: type[models.Model]) -> None:
    """The number of queries does not grow with the rows."""

    def queries() -> int:
        with CaptureQueriesContext(connection) as captured:
            admin.get(_url(model, "changelist"))
        return len(captured)

    admin.get(_url(model, "changelist"))
    before = queries()
    for _ in range(5):
        make.make_machine(make.make_user())
        post([make.machine_copy(world.machine, user=world.buyer), make.top_up(world.debtor, 1)])
    assert queries() == before


def test_an_operation_shows_its_entries_and_amounts(admin: Client, world: World) -> None:
    """Both transfers are shown, with 8 decimals, the currency and the accounts' codes."""
    page = admin.get(_url(Operation, "change", world.sale.id)).content.decode()
    for shown in (
        "4.00000000 USD",
        "1.00000000 USD",
        f"user:{world.buyer.pk}:usd",
        "platform:revenue:commission:usd",
        str(world.buyer.email),
    ):
        assert shown in page
    with CaptureQueriesContext(connection) as captured:
        admin.get(_url(Operation, "change", world.sale.id))
    assert len(captured) <= 12


@pytest.mark.parametrize(
    ("term", "kinds"),
    [
        ("{id}", {"machine_copy"}),
        ("{position}", {"machine_copy"}),
        ("training", {"training"}),
        ("machine copy update", {"machine_copy_update"}),
        ("{email}", {"solving_with_api", "solving", "adjustment", "credit_from_user"}),
        ("zebra", set()),
    ],
)
def test_operations_are_found(admin: Client, world: World, term: str, kinds: set[str]) -> None:
    """The search finds them by id, position, kind and the user's address."""
    query = term.format(id=world.sale.id, position=world.sale.position, email=world.debtor.email)
    page = admin.get(_url(Operation, "changelist"), {"q": query})
    assert {operation.kind for operation in page.context["cl"].result_list} == kinds


def test_operations_are_filtered_by_kind(admin: Client, world: World) -> None:
    """The list has only operations of the chosen kind."""
    del world
    page = admin.get(_url(Operation, "changelist"), {"kind": "training"})
    assert {operation.kind for operation in page.context["cl"].result_list} == {"training"}


def test_an_event_is_shown_as_json(admin: Client, world: World) -> None:
    """The page shows its data and metadata."""
    page = admin.get(_url(Event, "change", world.sale.position)).content.decode()
    assert "&quot;kind&quot;: &quot;machine_copy&quot;" in page
    assert "&quot;source&quot;: &quot;/services/tests&quot;" in page


def test_a_message_is_shown_as_it_came(admin: Client, world: World) -> None:
    """Its value is not reformatted, bytes that are not text are replaced, and nothing of it is markup."""
    del world
    readable, unreadable = DeadLetter.objects.order_by("offset")
    page = admin.get(_url(DeadLetter, "change", readable.pk)).content.decode()
    assert "&quot;count_of_lines&quot;: 1.50" in page
    assert "&quot;ce_id&quot;: &quot;abc&quot;" in page
    page = admin.get(_url(DeadLetter, "change", unreadable.pk)).content.decode()
    assert "\N{REPLACEMENT CHARACTER}⟨U+0000⟩&lt;script&gt;" in page


def test_a_key_is_shown_without_its_hash(admin: Client, world: World) -> None:
    """Neither the list nor the page contains the hash."""
    del world
    key = ApiKey.objects.get()
    for url in (_url(ApiKey, "changelist"), _url(ApiKey, "change", key.pk)):
        page = admin.get(url).content.decode()
        assert key.prefix in page
        assert "secret" not in page
        assert bytes(key.secret_hash).hex() not in page


def test_a_machine_s_price_is_changed_here(admin: Client, world: World) -> None:
    """The next operation is priced by it."""
    url = _url(Machine, "change", world.machine.pk)
    form = admin.get(url).context["adminform"].form
    data = {name: form[name].value() for name in form.fields}
    data = {name: value for name, value in data.items() if value not in {None, False}}
    answer = admin.post(url, data | {"machine_copy_price_usd": "7.5"})
    assert answer.status_code == 302, answer.context and answer.context["errors"]
    event = make.recorded(make.machine_copy(world.machine, user=world.debtor))
    assert event.data["pricing"]["unit_price"] == "7.50000000"


def test_the_first_page_shows_the_figures_of_the_day(admin: Client, world: World) -> None:
    """It shows operations by kind, debits minus credits, dead letters and waiting messages."""
    del world
    content = admin.get(reverse("admin:index")).content.decode()
    for shown in ("0.00000000 USD", "0.00000000 EAML", "the books balance", "machine_copy_update", "2 · 1"):
        assert shown in content
    assert "do not balance" not in content


def test_the_first_page_warns_if_the_books_do_not_balance(admin: Client, world: World) -> None:
    """It shows the difference and the command to run."""
    from tests.projections.world import corrupt

    corrupt("update ledger_account set balance = balance + 1 where code = %s", f"user:{world.buyer.pk}:usd")
    content = admin.get(reverse("admin:index")).content.decode()
    assert "-1.00000000 USD" in content
    assert "the books do not balance: run manage.py verify" in content


def test_the_books_balance_before_the_projection_has_caught_up(admin: Client, world: World) -> None:
    """The platform's newest entries are read from the journal."""
    post([make.machine_copy(world.machine, user=world.buyer)])
    content = admin.get(reverse("admin:index")).content.decode()
    assert "the books balance" in content
    assert "do not balance" not in content


def test_only_staff_may_sign_in(world: World) -> None:
    """Other users are sent to the login page."""
    client = Client()
    assert client.get(reverse("admin:index")).status_code == 302
    client.force_login(world.buyer)
    answer = client.get(_url(Operation, "changelist"))
    assert (answer.status_code, answer.headers["Location"].partition("?")[0]) == (302, reverse("admin:login"))


def test_staff_without_a_permission_see_their_own_rows_and_their_teams(world: World) -> None:
    """The rules are those of `models.access`, which the API uses too."""
    del world
    operation = Operation.objects.filter(machine__isnull=False).order_by("position")[0]
    other = Operation.objects.filter(machine=None).order_by("position")[0]
    member = User.objects.create_user(email=f"{uuid4().hex}@example.com", password="secret", is_staff=True)
    team = Team.objects.create(name=uuid4().hex, admin_user=operation.machine_owner)
    team.users.add(member)
    Machine.objects.filter(pk=operation.recorded_machine_id or 0).update(machine_owner_team=team)
    client = Client()
    client.force_login(member)
    page = reverse("admin:models_operation_change", args=[operation.pk])
    assert client.get(page).status_code == HTTPStatus.OK
    assert str(operation.pk) in client.get(reverse("admin:models_operation_changelist")).content.decode()
    hidden = reverse("admin:models_operation_change", args=[other.pk])
    assert client.get(hidden).status_code == HTTPStatus.FOUND
    team.users.remove(member)
    assert client.get(page).status_code == HTTPStatus.FOUND


def test_the_root_leads_to_the_administration() -> None:
    """The administration's own link "View site" leads to the root."""
    answer = Client().get("/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/admin/")
