"""Accounts of the chart, and the pairs of them that operations may use."""

from django.db import models


class Account(models.Model):
    """An account of the chart. `balance` and `held` count on the normal side, 8 decimals.

    Only the posting engine changes a user's account, under the user's lock. The platform's accounts stay at
    zero here: a projection sums their balances.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=40)
    user_id = models.BigIntegerField(null=True)
    """Not a foreign key: the account remains when the user's row is deleted."""
    currency = models.CharField(max_length=4)
    normal_side = models.CharField(max_length=1)
    balance = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    held = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    version = models.BigIntegerField(default=0)
    """The number of entries on the account. Each entry stores its own, without gaps."""
    position = models.BigIntegerField(default=0)
    """The position of the last event that touched the account."""
    credit_limit = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    """On a due account: how much this user may owe, if it is not the tariff's limit."""
    recorded_at = models.DateTimeField(null=True)
    """When that event was recorded. Later events of the account are never recorded at an earlier time."""

    class Meta:
        ordering = ("user_id", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(held__gte=0) & models.Q(held__lte=models.F("balance")),
                name="ledger_account_held_within_balance",
            ),
        )
        indexes = (models.Index(fields=("user_id", "id"), name="ledger_account_user"),)

    def __str__(self) -> str:
        return self.code


class AllowedPair(models.Model):
    """Two kinds of accounts that a kind of operation may debit and credit together."""

    operation_kind = models.CharField(max_length=40)
    debit_kind = models.CharField(max_length=40)
    credit_kind = models.CharField(max_length=40)
    pk = models.CompositePrimaryKey("operation_kind", "debit_kind", "credit_kind")

    class Meta:
        db_table = "ledger_allowed_pair"

    def __str__(self) -> str:
        return f"{self.operation_kind}: {self.debit_kind} → {self.credit_kind}"
