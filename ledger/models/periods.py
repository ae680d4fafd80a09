"""Closed months, and the balances at their end."""

from django.db import models


class BookPeriod(models.Model):
    """A month that was closed, and perhaps reopened, after its last event.

    `kept` is that event's own state of it.
    """

    month = models.CharField(primary_key=True, max_length=7)
    """A month in UTC, such as 2026-10."""
    state = models.CharField(max_length=6)
    version = models.IntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    event_id = models.UUIDField()
    settled = models.BigIntegerField()
    proposer = models.CharField(max_length=200)
    resolver = models.CharField(max_length=200)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_period"
        verbose_name = "period"
        ordering = ("-month",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["closed", "open"]), name="ledger_period_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(resolver=models.F("proposer")), name="ledger_period_four_eyes"
            ),
        )

    def __str__(self) -> str:
        return f"{self.month} ({self.state})"


class PeriodBalance(models.Model):
    """The balance of an account at the end of a closed month, from all entries effective until then.

    `balance` counts on the normal side. The row is written when the month is closed, and deleted when it is
    reopened.
    """

    pk = models.CompositePrimaryKey("month", "account_id")
    month = models.CharField(max_length=7)
    account_id = models.BigIntegerField()
    debits = models.DecimalField(max_digits=38, decimal_places=8)
    credits = models.DecimalField(max_digits=38, decimal_places=8)
    balance = models.DecimalField(max_digits=38, decimal_places=8)

    class Meta:
        db_table = "ledger_period_balance"

    def __str__(self) -> str:
        return f"{self.balance} on account {self.account_id} at the end of {self.month}"
