"""Tables of the read models. Each follows from the log alone and can be rebuilt from it."""

from django.db import models


class PlatformBalance(models.Model):
    """One of the platform's accounts: the totals of its debits and credits."""

    code = models.CharField(primary_key=True, max_length=80)
    currency = models.CharField(max_length=4)
    debits = models.DecimalField(max_digits=38, decimal_places=8)
    credits = models.DecimalField(max_digits=38, decimal_places=8)
    balance = models.DecimalField(max_digits=38, decimal_places=8)
    """On the account's normal side; negative where the other side is larger."""

    class Meta:
        db_table = "projections_platform_balance"
        ordering = ("code",)

    def __str__(self) -> str:
        return self.code


class RevenueDay(models.Model):
    """Earnings of the platform on a day (UTC, by the time of occurrence) from one kind of operation."""

    pk = models.CompositePrimaryKey("day", "kind", "currency")
    day = models.DateField()
    kind = models.CharField(max_length=40)
    currency = models.CharField(max_length=4)
    amount = models.DecimalField(max_digits=38, decimal_places=8)
    operations = models.BigIntegerField()
    """Number of operations that it came from."""

    class Meta:
        db_table = "projections_revenue"
        ordering = ("day", "kind", "currency")

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


class ActivityDay(models.Model):
    """Numbers of recorded and rejected operations of a kind on a day (UTC, by recording time)."""

    pk = models.CompositePrimaryKey("day", "kind")
    day = models.DateField()
    kind = models.CharField(max_length=40)
    recorded = models.BigIntegerField()
    rejected = models.BigIntegerField()

    class Meta:
        db_table = "projections_activity"
        ordering = ("day", "kind")

    def __str__(self) -> str:
        return f"{self.kind} on {self.day}"


class TariffUse(models.Model):
    """Number of operations that a version of the tariff has priced."""

    version = models.IntegerField(primary_key=True)
    operations = models.BigIntegerField()

    class Meta:
        db_table = "projections_tariff_use"
        ordering = ("version",)

    def __str__(self) -> str:
        return f"{self.operations} operations by tariff {self.version}"
