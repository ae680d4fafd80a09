"""The WSGI entry point: `gunicorn config.wsgi`."""

import os
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from events.worker import collect_rarely

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

application = get_wsgi_application()
import_module(settings.ROOT_URLCONF)  # takes a second, for which the first request would have to wait
collect_rarely(threshold=1_000)  # requests leave cycles, and every thread waits while they are collected
