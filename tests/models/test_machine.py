"""Machines: validation, networks, prices and deletion."""

from decimal import Decimal
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext
from djmoney.money import Money

from models import EncDecConfiguration, Machine, NNModel, User
from models.machine import PRICES
from tests.models.conftest import new_machine

pytestmark = pytest.mark.django_db


def test_a_machine_needs_only_a_name_and_an_owner(owner: User) -> None:
    """Every other column has a default or is null."""
    machine = Machine.objects.create(machine_name="M", machine_owner_user=owner)
    machine = Machine.objects.get(pk=machine.pk)
    assert machine.machine_level == 1
    assert machine.machine_description == ""
    assert (machine.dfr_columns_type_user_df, machine.parameter_nn_shape) == ({}, {})
    assert {getattr(machine, price) for price in PRICES} == {None}
    assert (machine.machine_data_source_is_public, machine.machine_api_solving_is_public) == (False, False)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("machine_name", ""),
        ("machine_name", "x" * 501),
        ("machine_level", 0),
        ("machine_level", 6),
        ("machine_data_source_price_usd", Decimal("-0.00000001")),
        ("machine_api_solving_price_usd", Decimal("0.000000001")),
        ("machine_copy_price_usd", Decimal("NaN")),
        ("machine_copy_update_price_usd", Decimal(10) ** 12),
        ("dfr_columns_type_user_df", {"age": "NUMBERISH"}),
        ("dfr_columns_type_user_df", {"": "FLOAT"}),
        ("dfr_columns_type_user_df", ["age"]),
        ("mdc_columns_data_type", {"age": None}),
        ("mdc_columns_name_input", ["age"]),
        ("mdc_columns_name_output", {" ": True}),
        ("parameter_nn_loss", "hinge"),
        ("parameter_nn_optimizer", "lbfgs"),
    ],
)
def test_an_invalid_value_is_refused(owner: User, field: str, value: Any) -> None:
    """A new machine is not stored, and a stored one is not changed."""
    with pytest.raises(ValidationError) as refused:
        new_machine(owner, **{field: value})
    assert field in refused.value.message_dict
    assert not Machine.objects.exists()
    machine = new_machine(owner)
    setattr(machine, field, value)
    with pytest.raises(ValidationError):
        machine.save()
    assert getattr(Machine.objects.get(pk=machine.pk), field) != value


@pytest.mark.parametrize("level", [1, 2, 3, 4, 5])
def test_every_level_of_the_document_is_accepted(owner: User, level: int) -> None:
    assert new_machine(owner, machine_level=level).machine_level == level


@pytest.mark.parametrize(
    ("field", "value"),
    [("machine_level", 6), *((price, Decimal(-1)) for price in PRICES)],
)
def test_the_database_refuses_invalid_values_too(machine: Machine, field: str, value: object) -> None:
    """Writes that bypass save() are refused too."""
    with pytest.raises(IntegrityError), transaction.atomic():
        Machine.objects.filter(pk=machine.pk).update(**{field: value})


def test_only_what_is_saved_is_checked(machine: Machine) -> None:
    """A part of a machine can be saved while another part in memory is invalid."""
    machine.machine_level = 9
    machine.machine_name = "Other"
    machine.save(update_fields=["machine_name"])
    machine.refresh_from_db()
    assert (machine.machine_name, machine.machine_level) == ("Other", 1)


def test_a_machine_loaded_in_part_can_be_saved(machine: Machine) -> None:
    """The missing columns are not loaded."""
    part = Machine.objects.only("machine_name").get(pk=machine.pk)
    part.machine_name = "Other"
    with CaptureQueriesContext(connection) as queries:
        part.save()
    assert [query["sql"][:6] for query in queries] == ["UPDATE"]


def test_columns_are_configured_as_documented(machine: Machine) -> None:
    """The example is that of the document."""
    machine.dfr_columns_type_user_df = {"customer_id": "LABEL", "age": "FLOAT"}
    machine.save()
    assert Machine.objects.get(pk=machine.pk).dfr_columns_type_user_df == {
        "customer_id": "LABEL",
        "age": "FLOAT",
    }


def test_prices_are_shown_as_money(owner: User) -> None:
    """A price is None if it is not for sale."""
    machine = new_machine(owner, machine_copy_price_usd=Decimal("12.5"))
    assert machine.machine_copy_price_money == Money("12.5", "USD")
    assert machine.machine_copy_update_price_money is None
    assert machine.machine_data_source_price_money is None
    assert machine.machine_api_solving_price_money is None


def test_a_network_is_stored_with_its_machine(machine: Machine) -> None:
    """It is set, saved and read back; loading the machine does not load the network."""
    assert machine.training_nn_model_extfield is None
    machine.training_nn_model_extfield = b"\x00\xffnetwork"
    assert machine.training_nn_model_extfield == b"\x00\xffnetwork"
    assert not NNModel.objects.exists()
    machine.save()
    with CaptureQueriesContext(connection) as queries:
        loaded = Machine.objects.get(pk=machine.pk)
    assert len(queries) == 1
    assert loaded.training_nn_model_extfield == b"\x00\xffnetwork"
    assert NNModel.objects.get().machine_nn_model == machine


def test_a_new_network_replaces_the_old_one(machine: Machine) -> None:
    """A machine has one network."""
    for network in (b"first", b"second"):
        machine.training_nn_model_extfield = network
        machine.save()
    assert NNModel.objects.count() == 1
    assert Machine.objects.get(pk=machine.pk).training_nn_model_extfield == b"second"


def test_a_network_can_be_removed(machine: Machine) -> None:
    """Setting None deletes the bytes."""
    machine.training_nn_model_extfield = b"network"
    machine.save()
    machine.training_nn_model_extfield = None
    machine.save()
    assert not NNModel.objects.exists()
    assert Machine.objects.get(pk=machine.pk).training_nn_model is None


def test_a_network_is_saved_although_other_fields_are_named(machine: Machine) -> None:
    """`update_fields` does not lose it."""
    machine.training_nn_model_extfield = b"network"
    machine.machine_name = "Other"
    machine.save(update_fields=["machine_description"])
    loaded = Machine.objects.get(pk=machine.pk)
    assert (loaded.training_nn_model_extfield, loaded.machine_name) == (b"network", "Churn")


def test_a_refused_machine_keeps_its_old_network(machine: Machine) -> None:
    """Both are stored, or neither; the new network is stored once the rest is corrected."""
    machine.training_nn_model_extfield = b"first"
    machine.save()
    machine.training_nn_model_extfield = b"second"
    machine.machine_level = 9
    with pytest.raises(ValidationError):
        machine.save()
    assert Machine.objects.get(pk=machine.pk).training_nn_model_extfield == b"first"
    machine.machine_level = 2
    machine.save()
    assert Machine.objects.get(pk=machine.pk).training_nn_model_extfield == b"second"


def test_deleting_a_machine_deletes_what_belongs_only_to_it(owner: User, machine: Machine) -> None:
    """No network and no encoding is left, after deletion one by one and in bulk."""
    other = new_machine(owner)
    for each in (machine, other):
        each.training_nn_model_extfield = b"network"
        each.enc_dec_configuration = EncDecConfiguration.objects.create(enc_dec_config={"age": "scaled"})
        each.save()
    machine.delete()
    assert (NNModel.objects.count(), EncDecConfiguration.objects.count()) == (1, 1)
    _, by_table = Machine.objects.all().delete()
    assert by_table["models.Machine"] == 1
    assert not NNModel.objects.exists()
    assert not EncDecConfiguration.objects.exists()


def test_a_machine_survives_the_deletion_of_its_network(machine: Machine) -> None:
    """SET_NULL, as documented."""
    machine.training_nn_model_extfield = b"network"
    machine.save()
    NNModel.objects.all().delete()
    machine.refresh_from_db()
    assert machine.training_nn_model_extfield is None
