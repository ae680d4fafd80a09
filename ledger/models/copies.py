"""Copies of other services' users, machines and works, as their messages described them."""

from django.db import models
from django.db.models.functions import Now


class Reference(models.Model):
    """The latest state of a user, machine or work that its service published, applied or not yet."""

    pk = models.CompositePrimaryKey("kind", "thing_id")
    kind = models.CharField(max_length=7)
    thing_id = models.BigIntegerField()
    version = models.BigIntegerField()
    kept = models.JSONField()
    applied = models.BooleanField(default=False)
    counts_from = models.DateTimeField(db_default=Now())
    """From when a machine's owner and prices apply."""
    refusals = models.IntegerField(db_default=0)
    """How often the database has refused the state."""
    retry_at = models.DateTimeField(null=True)
    """When a refused state is tried again."""
    logged_at = models.DateTimeField(null=True)
    """When a refusal was last logged."""
    gone_at = models.DateTimeField(null=True)
    """When its tombstone was sent. An older state does not create it again."""

    class Meta:
        db_table = "ledger_reference"
        indexes = (
            models.Index(
                fields=("kind", "thing_id"),
                condition=models.Q(applied=False),
                name="ledger_reference_unapplied",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.thing_id} version {self.version}"
