"""`manage.py openapi > docs/openapi.json`: the API's document, as the server gives it."""

import json
from typing import Any

from django.core.management.base import BaseCommand


class Command(BaseCommand):
    """Prints the OpenAPI document."""

    help = "Print the API's OpenAPI document: manage.py openapi > docs/openapi.json"
    requires_system_checks = ()

    def handle(self, *_: Any, **__: Any) -> None:
        """Writes JSON, indented, to the standard output."""
        from web.api.v1 import api

        self.stdout.write(json.dumps(api.get_openapi_schema(path_prefix="v1/"), indent=2, ensure_ascii=False))
