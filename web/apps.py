"""Django's configuration of the app `web`."""

from django.apps import AppConfig


class WebConfig(AppConfig):
    """The HTTP API and the administration."""

    name = "web"
    verbose_name = "Web"
