"""The web server's own table."""

from django.db import models


class SignInFailures(models.Model):
    """Wrong passwords in a row for one account or from one address, and the time until which both wait.

    `subject` is a keyed hash, because people type passwords into the wrong field.
    """

    subject = models.CharField(max_length=64, primary_key=True)
    failures = models.IntegerField()
    blocked_until = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "web_sign_in_failures"

    def __str__(self) -> str:
        return f"{self.failures} until {self.blocked_until}"
