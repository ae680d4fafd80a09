"""Prices: published tariffs, and the prices that owners set for their machines."""

from django.db import models


class PublishedTariff(models.Model):
    """A version of the platform's prices, or of a user's or team's own terms. Never edited once published."""

    version = models.IntegerField(primary_key=True)
    effective_from = models.DateTimeField()
    published_at = models.DateTimeField()
    terms = models.JSONField()
    """The terms by name, as `ledger.domain.tariff` reads them, amounts as text. An override has only some."""
    user_id = models.BigIntegerField(null=True)
    team_id = models.BigIntegerField(null=True)
    """The user or team of an override. The base tariff has neither."""

    class Meta:
        db_table = "ledger_tariff"
        verbose_name = "tariff"
        ordering = ("effective_from", "version")
        constraints = (
            # The first version is effective from 1970.
            models.CheckConstraint(
                condition=models.Q(effective_from__gte=models.F("published_at")) | models.Q(version=1),
                name="ledger_tariff_not_before_published",
            ),
            models.CheckConstraint(
                condition=models.Q(user_id=None) | models.Q(team_id=None), name="ledger_tariff_of_one"
            ),
        )
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(user_id__isnull=False), name="ledger_tariff_of_user"
            ),
            models.Index(
                fields=("team_id",), condition=models.Q(team_id__isnull=False), name="ledger_tariff_of_team"
            ),
        )

    def __str__(self) -> str:
        return f"tariff {self.version}"


class MachineTermsHistory(models.Model):
    """A machine's owner and prices from `effective_from` on, written by a trigger on the machine's table."""

    id = models.BigAutoField(primary_key=True)
    machine_id = models.BigIntegerField()
    effective_from = models.DateTimeField()
    owner_id = models.BigIntegerField()
    columns = models.IntegerField()
    data_source_is_public = models.BooleanField()
    data_source_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    api_solving_is_public = models.BooleanField()
    api_solving_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    copy_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    copy_update_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)

    class Meta:
        db_table = "ledger_machine_terms"
        verbose_name = "machine terms"
        verbose_name_plural = "machine terms"
        ordering = ("machine_id", "effective_from", "id")
        indexes = (
            models.Index(fields=("machine_id", "effective_from", "id"), name="ledger_machine_terms_at"),
        )

    def __str__(self) -> str:
        return f"machine {self.machine_id} from {self.effective_from}"
