"""The machine: a user's data set and the network trained on it."""

from collections.abc import Iterable
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models, transaction
from django.db.models.base import ModelBase

from models.deletion import DeletedAsQuerySet, total_deleted
from models.encdec_configuration import EncDecConfiguration
from models.ledger_post import is_installed, ledger
from models.money import USD, money_or_none
from models.nn_model import NNModel
from models.team import Team
from models.validation import ValidatedModel

if TYPE_CHECKING:
    from djmoney.money import Money

PRICES = (
    "machine_data_source_price_usd",
    "machine_api_solving_price_usd",
    "machine_copy_price_usd",
    "machine_copy_update_price_usd",
)

COLUMN_TYPES = frozenset(
    {
        "BOOLEAN",
        "DATE",
        "DATETIME",
        "FLOAT",
        "IGNORE",
        "INTEGER",
        "JSON",
        "LABEL",
        "LANGUAGE",
        "TEXT",
        "TIME",
    }
)


# These columns are checked in `clean()`: a validator of this package would be named in migrations, in
# which `models` means `django.db.models`.
_NAMED_COLUMNS = ("mdc_columns_name_input", "mdc_columns_name_output")
_TYPED_COLUMNS = ("dfr_columns_type_user_df", "mdc_columns_data_type")


def price_field() -> "models.DecimalField[Decimal | str | None, Decimal | None]":
    """Return a field for a price in USD: null means not for sale, 0 means free."""
    return models.DecimalField(
        max_digits=20,
        decimal_places=8,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal(0))],
    )


def measure_field() -> "models.DecimalField[Decimal | str | None, Decimal | None]":
    """Return a field for a result of training, which is null until the machine is trained."""
    return models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)


class MachineQuerySet(models.QuerySet["Machine"]):
    """A queryset that deletes machines together with the rows that belong only to them."""

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the machines with their networks and encodings."""
        with transaction.atomic(using=self.db):
            ids = list(self.values_list("pk", flat=True))
            machines = MachineQuerySet(self.model, using=self.db).filter(pk__in=ids)
            # Locked before they are noted: what is posted for a machine comes before its deletion, or fails.
            locked = list(
                machines.select_for_update()
                .order_by("pk")
                .values_list("pk", "training_nn_model", "enc_dec_configuration")
            )
            networks = [network for _, network, _ in locked]
            encodings = [encoding for _, _, encoding in locked]
            if locked and is_installed():
                ledger("Deleting a machine").note_deleted_machines(
                    machine_ids=[each for each, _, _ in locked]
                )
            parts = [
                super(MachineQuerySet, machines).delete(),
                NNModel.objects.using(self.db).filter(pk__in=networks).delete(),
                EncDecConfiguration.objects.using(self.db).filter(pk__in=encodings).delete(),
            ]
        return total_deleted(parts)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


MachineManager = models.Manager.from_queryset(MachineQuerySet)


class Machine(DeletedAsQuerySet, ValidatedModel):
    """A data set and a network, which a user trains, solves with and can sell."""

    # Basic information
    machine_name = models.CharField(max_length=500, blank=False)
    machine_description = models.TextField(blank=True)
    machine_level = models.IntegerField(default=1, choices=[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)])

    # Ownership
    machine_owner_user = models.ForeignKey("models.User", on_delete=models.CASCADE)
    machine_owner_team = models.ForeignKey(Team, on_delete=models.SET_NULL, null=True, blank=True)

    # Marketplace
    machine_data_source_is_public = models.BooleanField(default=False)
    machine_data_source_price_usd = price_field()
    machine_api_solving_is_public = models.BooleanField(default=False)
    machine_api_solving_price_usd = price_field()
    machine_copy_price_usd = price_field()
    machine_copy_update_price_usd = price_field()

    # Column configuration
    dfr_columns_type_user_df = models.JSONField(default=dict, blank=True)
    mdc_columns_name_input = models.JSONField(default=dict, blank=True)
    mdc_columns_name_output = models.JSONField(default=dict, blank=True)
    mdc_columns_data_type = models.JSONField(default=dict, blank=True)

    # Neural network configuration
    parameter_nn_loss = models.CharField(
        max_length=100,
        choices=[("mse", "mse"), ("mae", "mae"), ("binary_crossentropy", "binary_crossentropy")],
        null=True,
        blank=True,
    )
    parameter_nn_optimizer = models.CharField(
        max_length=150,
        choices=[("adam", "adam"), ("sgd", "sgd"), ("rmsprop", "rmsprop")],
        null=True,
        blank=True,
    )
    parameter_nn_shape = models.JSONField(null=True, blank=True, default=dict)

    # Training results
    training_nn_model = models.OneToOneField(
        "NNModel",
        related_name="machine_nn_model",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
    )
    enc_dec_configuration = models.OneToOneField(
        EncDecConfiguration,
        related_name="machine_enc_dec_configuration",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
    )
    training_eval_loss_sample_training = measure_field()
    training_eval_accuracy_sample_training = measure_field()

    objects: ClassVar[MachineManager["Machine"]] = MachineManager()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(machine_level__range=(1, 5)), name="machine_level_1_to_5"
            ),
            *(
                models.CheckConstraint(
                    condition=models.Q(**{f"{price}__gte": 0}), name=f"{price}_not_negative"
                )
                for price in PRICES
            ),
        )

    def __str__(self) -> str:
        return self.machine_name

    def clean(self) -> None:
        """Check that columns are keyed by name and have known types."""
        super().clean()
        for field in (*_NAMED_COLUMNS, *_TYPED_COLUMNS):
            # A field that was not loaded is not stored either.
            if field in self.__dict__:
                _check_columns(field, self.__dict__[field], typed=field in _TYPED_COLUMNS)

    def save(
        self,
        *,
        force_insert: bool | tuple[ModelBase, ...] = False,
        force_update: bool = False,
        using: str | None = None,
        update_fields: Iterable[str] | None = None,
    ) -> None:
        """Check and store the machine, and its network if that was set.

        Raises:
            django.core.exceptions.ValidationError: a level, column type, loss, optimizer or price is
                invalid.
        """
        if "_network_to_store" not in self.__dict__:
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields,
            )
            return
        before = self.training_nn_model
        with transaction.atomic(using=using):
            self._store_network(using)
            super().save(
                force_insert=force_insert,
                force_update=force_update,
                using=using,
                update_fields=update_fields and {*update_fields, type(self).training_nn_model.field.name},
            )
            if before is not None and self.training_nn_model is None:
                before.delete(using=using)
        del self._network_to_store

    @property
    def training_nn_model_extfield(self) -> bytes | None:
        """The trained network's bytes, or ``None``; loaded only when accessed.

        Bytes that are set here are stored by the next ``save()``; ``None`` removes the network.
        """
        if "_network_to_store" in self.__dict__:
            return self._network_to_store
        network = self.training_nn_model
        if network is None or network.nn_model is None:
            return None
        return bytes(network.nn_model)

    @training_nn_model_extfield.setter
    def training_nn_model_extfield(self, value: bytes | bytearray | memoryview | None) -> None:
        self._network_to_store = None if value is None else bytes(value)

    @property
    def machine_data_source_price_money(self) -> "Money | None":
        """The price of the data source, for display; ``None`` if it is not for sale."""
        return money_or_none(self.machine_data_source_price_usd, USD)

    @property
    def machine_api_solving_price_money(self) -> "Money | None":
        """The price of solving a line through the API, for display; ``None`` if it is not for sale."""
        return money_or_none(self.machine_api_solving_price_usd, USD)

    @property
    def machine_copy_price_money(self) -> "Money | None":
        """The price of a copy, for display; ``None`` if it is not for sale."""
        return money_or_none(self.machine_copy_price_usd, USD)

    @property
    def machine_copy_update_price_money(self) -> "Money | None":
        """The price of updating a copy, for display; ``None`` if it is not for sale."""
        return money_or_none(self.machine_copy_update_price_usd, USD)

    def _store_network(self, using: str | None) -> None:
        if self._network_to_store is None:
            self.training_nn_model = None
            return
        network = self.training_nn_model or NNModel()
        network.nn_model = self._network_to_store
        network.save(using=using)
        self.training_nn_model = network


def _check_columns(field: str, columns: object, *, typed: bool) -> None:
    if not isinstance(columns, dict):
        raise ValidationError({field: "Columns must be an object keyed by column name."})
    for name, kind in columns.items():
        if not isinstance(name, str) or not name.strip():
            raise ValidationError({field: "Every column needs a name."})
        if typed and kind not in COLUMN_TYPES:
            known = ", ".join(sorted(COLUMN_TYPES))
            raise ValidationError(
                {field: f"Column {name!r} has the unknown type {kind!r}; known types are {known}."}
            )
