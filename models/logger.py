"""The platform's log table; ``DatabaseLogHandler`` fills it."""

from django.db import models


class EasyAutoMLLogger(models.Model):
    """One line that something in the platform logged."""

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
