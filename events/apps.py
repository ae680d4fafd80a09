"""Django's hook for the app `events`."""

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from typing_extensions import override

from events.session import prepare_session


class EventsConfig(AppConfig):
    """The append-only log."""

    name = "events"
    default_auto_field = "django.db.models.BigAutoField"
    verbose_name = "Event log"

    @override
    def ready(self) -> None:
        connection_created.connect(prepare_session, dispatch_uid="events.session")
