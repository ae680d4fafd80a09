"""The routes: the API under /v1, the administration, health, metrics."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from web.admin.command_pages import show_command_page
from web.admin.login import login
from web.api.documents import asyncapi, openapi
from web.api.health import livez, readyz
from web.api.metrics import metrics
from web.api.v1 import api
from web.favicon import favicon

urlpatterns = [
    path("", RedirectView.as_view(url="/admin/")),  # where the administration's "View site" leads
    path("admin/doors/<slug:name>/", admin.site.admin_view(show_command_page), name="command_page"),
    path("admin/login/", login),  # before the administration's own
    path("admin/", admin.site.urls),
    path("v1/openapi.json", openapi),
    path("v1/asyncapi.json", asyncapi),
    path("v1/", api.urls),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
    path("favicon.ico", favicon),
]
