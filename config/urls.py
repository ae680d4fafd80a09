"""The HTTP doors: the API under /v1, the admin, health."""

from django.contrib import admin
from django.urls import path

urlpatterns = [
    path("admin/", admin.site.urls),
]
