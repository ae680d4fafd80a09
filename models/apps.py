"""The Django app that the tables belong to."""

from django.apps import AppConfig


class ModelsConfig(AppConfig):
    """The app ``models``, usable alone and inside the service."""

    default_auto_field = "django.db.models.BigAutoField"
    name = "models"
    label = "models"
    verbose_name = "Shared Models"

    def ready(self) -> None:
        """Register the token as a currency of django-money, for any settings."""
        # Imported here, because this module is loaded before the settings are complete.
        from models.money import register_currencies

        register_currencies()
