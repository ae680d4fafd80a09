"""The HTTP doors: the API under /v1, the admin, health."""

from django.contrib import admin
from django.urls import path

from ledger.api.asyncapi import asyncapi
from ledger.api.health import livez, readyz
from ledger.api.metrics import metrics
from ledger.api.v1 import api
from projections.admin.doors import open_door

urlpatterns = [
    path("admin/doors/<slug:name>/", admin.site.admin_view(open_door), name="door"),
    path("admin/", admin.site.urls),
    path("v1/asyncapi.json", asyncapi),
    path("v1/", api.urls),
    path("livez", livez),
    path("readyz", readyz),
    path("metrics", metrics),
]
