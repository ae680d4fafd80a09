"""Operations and their entries: copies of the log, written only by the ledger.

``Operation.objects.create(...)`` and ``Credit.objects.create(...)`` look like the ORM but post through the
ledger. So does saving an operation after an entry was assigned to one of its empty links. Nothing else
changes a row of these tables.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import uuid4

from django.db import models

from models import posting
from models.entries import CREDIT, DEBIT, EntryManager, SidedManager, SidedModel
from models.immutable import CascadeQuerySet, ImmutableModel, ImmutableQuerySet, refusal
from models.machine import Machine
from models.money import EAML, USD, money

if TYPE_CHECKING:
    from djmoney.money import Money


OperationManager = models.Manager.from_queryset(ImmutableQuerySet)
CascadeManager = models.Manager.from_queryset(CascadeQuerySet)


class Operation(ImmutableModel):
    """A recorded operation of a user. A rejected operation has no row here."""

    instead = (
        "An operation never changes: record a new one with Operation.objects.create(...), "
        "reverse this one through the ledger, or assign an entry to an empty link and save()."
    )

    id = models.UUIDField(primary_key=True, editable=False, default=uuid4)

    # These three have no constraint in the database, because checking foreign keys row by row makes
    # posting a quarter slower. On PostgreSQL the ledger's triggers keep the references valid.
    machine = models.ForeignKey(
        Machine,
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        db_index=False,
    )
    machine_owner = models.ForeignKey(
        "models.User",
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="operations_as_machine_owner",
    )
    operation_user = models.ForeignKey(
        "models.User",
        on_delete=models.SET_NULL,
        null=True,
        db_constraint=False,
        db_index=False,
    )

    # Operation types
    is_training_operation = models.BooleanField(default=False)
    is_solving_operation = models.BooleanField(default=False)
    is_solving_with_api_operation = models.BooleanField(default=False)
    is_solving_with_api_market_operation = models.BooleanField(default=False)
    is_buy_data_source_operation = models.BooleanField(default=False)
    is_machine_copy_operation = models.BooleanField(default=False)
    is_machine_copy_update_operation = models.BooleanField(default=False)
    is_credit_from_user_operation = models.BooleanField(default=False)
    is_pay_a_bill_operation = models.BooleanField(default=False)

    # Metrics
    count_of_lines = models.IntegerField(blank=True, null=True)
    count_of_training_epoch = models.IntegerField(blank=True, null=True)

    # The entries that a user sees, each linked by one operation. Most links of an operation are empty,
    # and this table is on the hot path: in the database the partial indexes below keep the links
    # unique, instead of four full indexes (the first migration leaves those out).
    credit = models.OneToOneField(
        "Credit",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="operation_as_credit",
    )
    debit = models.OneToOneField(
        "Debit",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="operation_as_debit",
    )
    credit_ixioo = models.OneToOneField(
        "CreditIXIOO",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="operation_as_credit_ixioo",
    )
    debit_ixioo = models.OneToOneField(
        "DebitIXIOO",
        on_delete=models.DO_NOTHING,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="operation_as_debit_ixioo",
    )

    # Further fields of the event
    kind = models.CharField(max_length=40)
    position = models.BigIntegerField(unique=True)
    recorded_machine_id = models.BigIntegerField(null=True, blank=True)
    recorded_machine_owner_id = models.BigIntegerField(null=True, blank=True)
    recorded_operation_user_id = models.BigIntegerField(null=True, blank=True)
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    effective_at = models.DateTimeField()

    objects: ClassVar[models.Manager["Operation"]] = OperationManager()
    cascades: ClassVar[models.Manager["Operation"]] = CascadeManager()

    class Meta:
        base_manager_name = "cascades"
        indexes = (
            models.Index(fields=["operation_user", "position"], name="operation_user_position"),
            models.Index(fields=["machine", "position"], name="operation_machine_position"),
            models.Index(fields=["machine_owner", "position"], name="operation_owner_position"),
        )
        constraints = tuple(
            models.UniqueConstraint(
                fields=[link],
                condition=models.Q(**{f"{link}__isnull": False}),
                name=f"operation_{link}_linked_once",
            )
            for link in posting.LINKS
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        # Django passes rows from the database as positional arguments, so a name means a new operation.
        self.id_given = bool({"id", "pk"} & kwargs.keys())
        self._amount: object = None
        super().__init__(*args, **kwargs)

    def __str__(self) -> str:
        return f"{self.kind or 'operation'} {self.id}"

    @property
    def amount(self) -> object:
        """The amount to post, for a top-up or a bill: not a column, and ``None`` after saving or loading."""
        return self._amount

    @amount.setter
    def amount(self, value: object) -> None:
        self._amount = value

    def save(
        self, *, force_update: bool = False, update_fields: Iterable[str] | None = None, **_: Any
    ) -> None:
        """Post a new operation, or fill empty links of a recorded one.

        Raises:
            ImmutableRecord: anything else was changed.
            LedgerNotInstalled: the settings name no ledger.
            django.core.exceptions.ValidationError: not exactly one type flag is set, or there is no user.
            Exception: the ledger rejected the operation.
        """
        if not self._state.adding:
            posting.link(self, update_fields)
        elif force_update or update_fields is not None:
            raise refusal(type(self), "updating an operation that was never recorded")
        else:
            posting.record(
                self,
                id_given=self.id_given,
                operation_user_id=self.operation_user_id,
                machine_id=self.machine_id,
                count_of_lines=self.count_of_lines,
                count_of_training_epoch=self.count_of_training_epoch,
                amount=self._amount,
            )
            self._amount = None


class Entry(SidedModel):
    """One side of a transfer, on an account of the ledger. The amount is positive; the side is the sign."""

    instead = (
        "An entry never changes: post a Credit, Debit, CreditIXIOO or DebitIXIOO with "
        "objects.create(user=..., amount=...), or reverse the operation through the ledger."
    )

    id = models.BigAutoField(primary_key=True)
    # The references have no constraint in the database, for the same reason as in Operation.
    operation = models.ForeignKey(
        Operation,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="entries",
    )
    transfer = models.SmallIntegerField()
    side = models.CharField(max_length=1, choices=[(DEBIT, "Debit"), (CREDIT, "Credit")])
    account_id = models.BigIntegerField()
    user = models.ForeignKey(
        "models.User",
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        db_constraint=False,
        db_index=False,
        related_name="entries",
    )
    currency = models.CharField(max_length=4, choices=[(USD, "US dollar"), (EAML, "EAML token")])
    amount = models.DecimalField(max_digits=20, decimal_places=8)
    balance_after = models.DecimalField(max_digits=20, decimal_places=8, null=True, blank=True)
    account_version = models.BigIntegerField(null=True, blank=True)
    position = models.BigIntegerField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    effective_at = models.DateTimeField()

    objects: ClassVar[EntryManager["Entry"]] = EntryManager()
    cascades: ClassVar[models.Manager["Entry"]] = CascadeManager()

    class Meta:
        base_manager_name = "cascades"
        verbose_name_plural = "entries"
        indexes = (
            # Half of the entries are the platform's; they have no user and are left out of the index.
            models.Index(
                fields=["user", "recorded_at"],
                condition=models.Q(user__isnull=False),
                name="entry_user_recorded_at",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="entry_amount_positive"),
            models.CheckConstraint(condition=models.Q(side__in=[DEBIT, CREDIT]), name="entry_side_known"),
            models.CheckConstraint(condition=models.Q(currency__in=[USD, EAML]), name="entry_currency_known"),
            models.UniqueConstraint(fields=["operation", "transfer", "side"], name="entry_one_per_side"),
            models.UniqueConstraint(
                fields=["account_id", "account_version"], name="entry_one_per_account_version"
            ),
        )

    def __str__(self) -> str:
        return f"{self.get_side_display()} {self.amount} {self.currency}"

    @property
    def money(self) -> "Money":
        """The amount with its currency, for display."""
        return money(self.amount, self.currency)

    def save(
        self, *, force_update: bool = False, update_fields: Iterable[str] | None = None, **_: Any
    ) -> None:
        """Post a new Credit, Debit, CreditIXIOO or DebitIXIOO as a manual adjustment.

        Raises:
            ImmutableRecord: a recorded entry was changed, or a new one sets a column that the ledger sets.
            LedgerNotInstalled: the settings name no ledger.
            AmountRefused: the amount is not positive or not exact.
            Exception: the ledger refused it, for example because it needs an approval.
        """
        if not self._state.adding:
            posting.refuse_changes(self, update_fields)
        elif force_update or update_fields is not None:
            raise refusal(type(self), "updating an entry that was never posted")
        else:
            posting.post(
                self, side=self.side, currency=self.currency, user_id=self.user_id, amount=self.amount
            )


class Credit(Entry):
    """USD that a user received."""

    posts = (CREDIT, USD)

    objects: ClassVar[SidedManager["Credit"]] = SidedManager()

    class Meta:
        proxy = True


class Debit(Entry):
    """USD that a user paid."""

    posts = (DEBIT, USD)

    objects: ClassVar[SidedManager["Debit"]] = SidedManager()

    class Meta:
        proxy = True


class CreditIXIOO(Entry):
    """Tokens that a user received. IXIOO is the token's former name."""

    posts = (CREDIT, EAML)

    objects: ClassVar[SidedManager["CreditIXIOO"]] = SidedManager()

    class Meta:
        proxy = True
        verbose_name = "credit IXIOO"
        verbose_name_plural = "credits IXIOO"


class DebitIXIOO(Entry):
    """Tokens that a user paid. IXIOO is the token's former name."""

    posts = (DEBIT, EAML)

    objects: ClassVar[SidedManager["DebitIXIOO"]] = SidedManager()

    class Meta:
        proxy = True
        verbose_name = "debit IXIOO"
        verbose_name_plural = "debits IXIOO"
