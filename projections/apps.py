"""Django's hook for the app `projections`."""

from django.apps import AppConfig


class ProjectionsConfig(AppConfig):
    """The read side."""

    name = "projections"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Projections"
