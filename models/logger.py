"""The platform's log table, which ``DatabaseLogHandler`` fills."""

from django.db import models


class EasyAutoMLLogger(models.Model):
    """A line that a part of the platform logged."""

    timestamp = models.DateTimeField(auto_now_add=True, db_index=True)
    traceback = models.TextField(blank=True)
    level = models.TextField()
    logger = models.TextField()
    main_module = models.TextField()
    main_function = models.TextField()
    message = models.TextField(blank=True)
    host_name = models.TextField()
    ip = models.TextField()

    def __str__(self) -> str:
        return f"{self.level} {self.logger}: {self.message}"
