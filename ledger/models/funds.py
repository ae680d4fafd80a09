"""Holds, payouts, consulting contracts, payment references and reversed operations."""

from django.db import models


class HeldFunds(models.Model):
    """A hold after its last event. `kept` is that event's own state of it."""

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    state = models.CharField(max_length=8)
    expires_at = models.DateTimeField()
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_hold"
        verbose_name = "hold"
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(state="open"), name="ledger_hold_open_of_user"
            ),
            models.Index(
                fields=("expires_at",), condition=models.Q(state="open"), name="ledger_hold_open_until"
            ),
        )

    def __str__(self) -> str:
        return f"hold {self.id} ({self.state})"


class RequestedPayout(models.Model):
    """A payout after its last event. `kept` is that event's own state of it."""

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    state = models.CharField(max_length=9)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_payout"
        verbose_name = "payout"
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(state="requested"), name="ledger_payout_of_user"
            ),
        )

    def __str__(self) -> str:
        return f"payout {self.id} ({self.state})"


class ConsultingContract(models.Model):
    """A consulting contract after its last event, with the id of its consulting request.

    `kept` is that event's own state of it.
    """

    id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField()
    """The client. Changes need the client's lock."""
    state = models.CharField(max_length=9)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_contract"
        verbose_name = "contract"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"contract {self.id} ({self.state})"


class PaymentReference(models.Model):
    """The digest of a used payment reference, and the operations recorded under it, by payment provider.

    A payment is taken out when the note of its reference is erased.
    """

    digest = models.CharField(primary_key=True, max_length=64, db_collation="C")
    """Compared by bytes: a part of a digest finds it in any language."""
    payments = models.JSONField()

    class Meta:
        db_table = "ledger_payment_reference"

    def __str__(self) -> str:
        return f"payment reference of {', '.join(sorted(self.payments.values()))}"


class ReversedOperation(models.Model):
    """The amounts reversed of an operation. `kept` is the last reversal's own state of them."""

    operation_id = models.UUIDField(primary_key=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_reversed"

    def __str__(self) -> str:
        return f"reversed of {self.operation_id}"


class Remaining(models.Model):
    """The rest of a grant, hold or payout after an event. Append-only; amounts have 8 decimals."""

    pk = models.CompositePrimaryKey("position", "subject")
    position = models.BigIntegerField()
    subject = models.UUIDField()
    subject_kind = models.CharField(max_length=6)
    user_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    remaining = models.DecimalField(max_digits=20, decimal_places=8)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ledger_remaining"
        indexes = (models.Index(fields=("user_id", "subject", "position"), name="ledger_remaining_of_user"),)

    def __str__(self) -> str:
        return f"{self.remaining} of {self.subject_kind} {self.subject}"
