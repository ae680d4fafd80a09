"""API keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class ApiKey(models.Model):
    """A key of a service (with a source and scopes) or of a user. Only the hash of its secret is stored."""

    class Scope(models.TextChoices):
        """A permission of a key."""

        READ = "ledger:read"
        WRITE = "ledger:write"
        ADMIN = "ledger:admin"
        SUPER_ADMIN = "ledger:super-admin"
        APPROVE = "ledger:approve"

    prefix = models.CharField(max_length=12, unique=True)
    secret_hash = models.BinaryField()
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=120, null=True, blank=True)
    """The CloudEvents source of everything sent with this key, such as `/services/training`."""
    user_id = models.BigIntegerField(null=True, blank=True)
    """The user of a user's own key, which only reads what belongs to that user and the user's teams."""
    made_by = models.BigIntegerField(null=True, blank=True)
    """The administrator who made the key, if that is known. Neither approves what the other proposed."""
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope.choices), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ledger_api_key"
        verbose_name = "API key"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(source__isnull=False) ^ models.Q(user_id__isnull=False),
                name="ledger_api_key_of_service_or_user",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"
