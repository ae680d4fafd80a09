"""What other services told of their users, machines and works."""

from django.db import models


class Reference(models.Model):
    """The latest state of a user, machine or work as its service told it, and whether it is applied."""

    pk = models.CompositePrimaryKey("kind", "thing_id")
    kind = models.CharField(max_length=7)
    thing_id = models.BigIntegerField()
    version = models.BigIntegerField()
    kept = models.JSONField()
    applied = models.BooleanField(default=False)
    tried_at = models.DateTimeField(null=True)
    """When the database last refused it: it is tried again."""
    gone_at = models.DateTimeField(null=True)
    """When its tombstone was sent: what was changed before brings it back no more."""

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
