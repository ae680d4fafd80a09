"""The billing table in the older system's columns, for finance: a projection of the log.

It has one row for each operation, and the rows imported from the older system. The names are those of the
older system.
"""

from decimal import Decimal
from typing import ClassVar

from django.db import models

from models.immutable import CascadeQuerySet, ImmutableModel, ImmutableQuerySet
from models.machine import Machine
from models.user import User


class BillingCascadeQuerySet(CascadeQuerySet["Billing"]):
    """A queryset that can delete rows, which deleting their user or machine does."""

    def _raw_delete(self, using: str | None) -> int:
        return models.QuerySet._raw_delete(self, using)


BillingManager = models.Manager.from_queryset(ImmutableQuerySet)
BillingCascadeManager = models.Manager.from_queryset(BillingCascadeQuerySet)


def usd_field() -> "models.DecimalField[Decimal | str | None, Decimal | None]":
    """Return a field for an amount of USD, null where it does not apply."""
    return models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)


class Billing(ImmutableModel):
    """The cost and income of one operation, in the older system's columns."""

    instead = (
        "These rows are derived from the log: record an operation, import rows of the older system "
        "with manage.py import_legacy_billing, or rebuild the projection."
    )

    machine = models.ForeignKey(Machine, on_delete=models.CASCADE, null=True)
    machine_owner_user = models.ForeignKey(
        User, on_delete=models.CASCADE, null=True, related_name="billings_as_machine_owner"
    )
    Operation_User = models.ForeignKey(User, on_delete=models.CASCADE, null=True)

    # Training operations
    OperationIsTraining = models.BooleanField(null=True, blank=True)
    CountOfLinesTraining = models.IntegerField(blank=True, null=True)
    CountOfTrainingEpoch = models.IntegerField(blank=True, null=True)
    TrainingCostMachineUSD = usd_field()

    # Solving operations
    OperationIsSolving = models.BooleanField(null=True, blank=True)
    CountOfLinesSolvedOwner = models.IntegerField(blank=True, null=True)
    SolvingCostMachineUSD = usd_field()

    # API operations
    OperationIsSolvingAPI = models.BooleanField(null=True, blank=True)
    CountOfLinesSolvedAPI = models.IntegerField(null=True, blank=True)
    SolvingAPIIncomeUSD = usd_field()
    SolvingAPITotalCostUSD = usd_field()

    # Marketplace operations
    OperationIsBuyDataSource = models.BooleanField(null=True, blank=True)
    BuyDataSourceIncomeUSD = usd_field()
    OperationIsMachineCopy = models.BooleanField(null=True, blank=True)
    MachineCopyIncomeUSD = usd_field()
    OperationIsMachineCopyUpdate = models.BooleanField(null=True, blank=True)
    MachineCopyUpdateIncomeUSD = usd_field()
    OperationIsMachineExport = models.BooleanField(null=True, blank=True)
    MachineExportIncomeUSD = usd_field()
    MachineExportCostUSD = usd_field()

    # Credits
    CreditFromIXIOO = usd_field()
    CreditFromUser = usd_field()

    # The operation's position in the log, by which the projection finds its rows again.
    operation_position = models.BigIntegerField(unique=True, null=True, blank=True)

    objects: ClassVar[models.Manager["Billing"]] = BillingManager()
    cascades: ClassVar[models.Manager["Billing"]] = BillingCascadeManager()

    class Meta:
        base_manager_name = "cascades"

    def __str__(self) -> str:
        return f"billing {self.pk}"
