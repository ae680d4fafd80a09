"""Changes that need a second person, and the adjustments that one person made without approval."""

from django.db import models


class ProposedChange(models.Model):
    """A proposal after its last event. `kept` is that event's own state of it."""

    id = models.UUIDField(primary_key=True)
    subject = models.CharField(max_length=20)
    user_id = models.BigIntegerField(null=True)
    """The user whose accounts it would change, if any."""
    state = models.CharField(max_length=8)
    expires_at = models.DateTimeField()
    proposer = models.CharField(max_length=200)
    resolver = models.CharField(max_length=200, null=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_proposal"
        verbose_name = "proposal"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(state="approved") | ~models.Q(resolver=models.F("proposer")),
                name="ledger_proposal_four_eyes",
            ),
        )
        indexes = (
            models.Index(
                fields=("expires_at",), condition=models.Q(state="open"), name="ledger_proposal_open"
            ),
        )

    def __str__(self) -> str:
        return f"proposal {self.id} ({self.state})"


class AdjustedAlone(models.Model):
    """The sum of one person's adjustments without approval on a day (UTC) in a currency, up plus down."""

    key = models.CharField(primary_key=True, max_length=230)
    actor = models.CharField(max_length=200)
    day = models.DateField()
    currency = models.CharField(max_length=4)
    amount = models.DecimalField(max_digits=20, decimal_places=8)

    class Meta:
        db_table = "ledger_adjusted"
        indexes = (models.Index(fields=("actor", "day"), name="ledger_adjusted_of_actor"),)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} by {self.actor} on {self.day}"
