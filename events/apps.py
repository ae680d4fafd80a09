"""Django's hook for the app `events`."""

from django.apps import AppConfig


class EventsConfig(AppConfig):
    """The append-only log."""

    name = "events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Event log"
