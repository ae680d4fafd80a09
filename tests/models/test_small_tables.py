"""Tables with little behaviour: graphs, servers, data lines, networks, encodings, files."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.db import IntegrityError, connection, transaction

from models import (
    ConsultingRequest,
    DataLinesOperation,
    EncDecConfiguration,
    Graph,
    Machine,
    NNModel,
    Server,
    User,
)
from models.fields import SizedBinaryField
from models.graph import GRAPH_TYPES

pytestmark = pytest.mark.django_db


def test_there_are_thirteen_types_of_graph(machine: Machine) -> None:
    """Each has a name and can be stored."""
    for number, name in GRAPH_TYPES:
        graph = Graph.objects.create(machine=machine, graph_type=number, x="age")
        assert graph.get_graph_type_display() == name
        assert str(graph) == f"{name} of Churn"
    assert Graph.objects.count() == len({name for _, name in GRAPH_TYPES}) == 13


def test_a_graph_has_the_documents_defaults(machine: Machine) -> None:
    """It is of the first type, in light colours, without columns."""
    graph = Graph.objects.get(pk=Graph.objects.create(machine=machine).pk)
    assert (graph.graph_type, graph.hue) == (1, "Light24")
    assert {graph.x, graph.y, graph.size, graph.style, graph.col, graph.row} == {None}


@pytest.mark.parametrize("number", [0, 14])
def test_an_unknown_type_of_graph_is_refused(machine: Machine, number: int) -> None:
    with pytest.raises(ValidationError, match="graph_type"):
        Graph.objects.create(machine=machine, graph_type=number)


def test_graphs_are_deleted_with_their_machine(machine: Machine) -> None:
    """CASCADE, as documented."""
    Graph.objects.create(machine=machine)
    machine.delete()
    assert not Graph.objects.exists()


def test_the_documents_query_finds_a_ready_server() -> None:
    """Servers that are not ready are not found."""
    assert Server.objects.filter(server_info_ready=True).first() is None
    Server.objects.create(server_name="new")
    ready = Server.objects.create(server_name="ready", server_info_ready=True, server_gpu_ram=[24, 24.5])
    assert Server.objects.filter(server_info_ready=True).first() == ready
    assert Server.objects.get(server_name="new").server_gpu_ram == []
    assert str(ready) == "ready"


@pytest.mark.parametrize("ram", [{"0": 24}, [-1], ["24"], [True], [None]])
def test_an_invalid_gpu_memory_is_refused(ram: Any) -> None:
    """It must be a list of amounts."""
    with pytest.raises(ValidationError, match="server_gpu_ram"):
        Server.objects.create(server_name="s", server_gpu_ram=ram)


def test_a_servers_name_is_unique() -> None:
    Server.objects.create(server_name="s")
    with pytest.raises(IntegrityError), transaction.atomic():
        Server.objects.create(server_name="s")


@pytest.mark.parametrize(
    ("learning", "solving", "allowed"),
    [
        (True, None, True),
        (None, True, True),
        (True, False, True),
        (None, None, True),
        (True, True, False),
    ],
)
def test_lines_are_added_for_one_purpose(learning: bool | None, solving: bool | None, allowed: bool) -> None:
    """save() and the database both check it."""
    lines = DataLinesOperation(machine_id=7, is_added_for_learning=learning, is_added_for_solving=solving)
    if allowed:
        lines.save()
        assert str(DataLinesOperation.objects.get()) == "lines of machine 7"
        return
    with pytest.raises(ValidationError):
        lines.save()
    with pytest.raises(IntegrityError), transaction.atomic():
        DataLinesOperation.objects.bulk_create([lines])
    assert not DataLinesOperation.objects.exists()


def test_lines_are_kept_when_their_machine_is_deleted(machine: Machine) -> None:
    """The row keeps its number."""
    number = machine.pk
    DataLinesOperation.objects.create(machine_id=number, is_added_for_learning=True)
    machine.delete()
    assert DataLinesOperation.objects.get().machine_id == number


def test_an_encoding_stores_any_json() -> None:
    """It can also be null."""
    stored = EncDecConfiguration.objects.create(enc_dec_config={"age": {"mean": 41.5, "names": ["a"]}})
    assert EncDecConfiguration.objects.get(pk=stored.pk).enc_dec_config == {
        "age": {"mean": 41.5, "names": ["a"]}
    }
    assert EncDecConfiguration.objects.create().enc_dec_config == {}
    assert EncDecConfiguration.objects.create(enc_dec_config=None).enc_dec_config is None


def test_a_network_can_have_750_million_bytes() -> None:
    """The limit is that of the document."""
    assert NNModel._meta.get_field("nn_model").max_length == 750_000_000


@pytest.mark.parametrize(("size_class", "limit"), [(1, 256), (2, 65_536), (3, 16_777_216)])
def test_a_size_class_sets_the_limit(size_class: int, limit: int) -> None:
    """Class 3 holds 16 MiB."""
    field = SizedBinaryField(size_class=size_class, null=True)
    field.clean(b"x" * limit, None)
    with pytest.raises(ValidationError):
        field.clean(b"x" * (limit + 1), None)


def test_a_sized_field_can_be_copied() -> None:
    """Django copies fields when it builds a model; a migration gets Django's own field."""
    field = SizedBinaryField(size_class=2, null=True)
    copy = field.clone()
    assert (type(copy), copy.size_class, copy.max_length, copy.null) == (SizedBinaryField, 2, 65_536, True)
    assert field.deconstruct()[1:] == (
        "django.db.models.BinaryField",
        [],
        {"null": True, "max_length": 65_536},
    )


@pytest.mark.parametrize("size_class", [0, 4, "3"])
def test_an_unknown_size_class_is_refused(size_class: Any) -> None:
    """The error comes when the model is defined, not when a row is stored."""
    with pytest.raises(ImproperlyConfigured):
        SizedBinaryField(size_class=size_class)


def test_a_file_of_a_request_has_at_most_16_mib(buyer: User) -> None:
    """save() and the database both check it."""
    largest = b"\x00" * 256**3
    stored = ConsultingRequest.objects.create(user=buyer, category="1", file=largest)
    assert len(bytes(ConsultingRequest.objects.get(pk=stored.pk).file or b"")) == 256**3
    with pytest.raises(ValidationError, match="file"):
        ConsultingRequest.objects.create(user=buyer, category="1", file=largest + b"\x00")
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("update models_consultingrequest set file = %s", [largest + b"\x00"])
