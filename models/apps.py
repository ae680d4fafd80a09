"""The Django app that the tables belong to."""

from django.apps import AppConfig


class ModelsConfig(AppConfig):
    """App ``models``: usable alone and inside the service."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "models"
    label = "models"
    verbose_name = "Shared Models"

    def ready(self) -> None:
        """Make the token a currency that django-money knows, whatever the settings are."""
        # Here, because this module is imported before the settings are complete.
        from models.money import register_currencies

        register_currencies()
