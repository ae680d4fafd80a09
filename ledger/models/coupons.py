"""Promotional credit: grants, and coupon codes that users redeem."""

from django.contrib.postgres.fields import ArrayField
from django.db import models


class CouponGrant(models.Model):
    """A grant after its last event. `remaining` is USD with 8 decimals.

    `kept` is that event's own state of it.
    """

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    remaining = models.DecimalField(max_digits=20, decimal_places=8)
    expires_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=40, null=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_grant"
        verbose_name = "coupon"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(remaining__gte=0), name="ledger_grant_not_negative"),
            models.UniqueConstraint("code", "user_id", name="ledger_grant_code_once"),
        )
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(remaining__gt=0), name="ledger_grant_live_of_user"
            ),
            models.Index(
                fields=("expires_at",), condition=models.Q(remaining__gt=0), name="ledger_grant_live_until"
            ),
        )

    def __str__(self) -> str:
        return f"grant {self.id}"


class CouponCode(models.Model):
    """A code that each user can redeem once, for `amount` USD of promotional credit."""

    code = models.CharField(primary_key=True, max_length=40)
    amount = models.DecimalField(max_digits=20, decimal_places=8)
    priority = models.IntegerField(default=100)
    kinds = ArrayField(models.CharField(max_length=40), null=True, blank=True)
    valid_days = models.IntegerField(null=True, blank=True)
    redeem_until = models.DateTimeField(null=True, blank=True)
    redemptions_max = models.IntegerField(null=True, blank=True)
    redemptions = models.IntegerField(default=0)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ledger_coupon_code"
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="ledger_coupon_code_amount"),
            models.CheckConstraint(
                condition=models.Q(redemptions_max=None)
                | models.Q(redemptions__lte=models.F("redemptions_max")),
                name="ledger_coupon_code_redemptions",
            ),
        )

    def __str__(self) -> str:
        return self.code
