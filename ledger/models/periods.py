"""Months that were closed, and the balances they were closed with."""

from django.db import models


class BookPeriod(models.Model):
    """A month that was closed, and perhaps reopened: `kept` is its last event's own words."""

    month = models.CharField(primary_key=True, max_length=7)
    """As in 2026-10, UTC."""
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
    """What an account had at the end of a closed month, of all that counts until then.

    `balance` is on the account's normal side. Frozen: written at closing, gone when reopened.
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
