"""`manage.py openapi > docs/openapi.json`: the OpenAPI document, as the server returns it."""

import json
from typing import Any

from django.core.management.base import BaseCommand
from typing_extensions import override


class Command(BaseCommand):
    """Print the OpenAPI document."""

    help = "Print the API's OpenAPI document: manage.py openapi > docs/openapi.json"
    requires_system_checks = ()

    @override
    def handle(self, *_: Any, **__: Any) -> None:
        from web.api.v1 import api

        self.stdout.write(json.dumps(api.get_openapi_schema(path_prefix="v1/"), indent=2, ensure_ascii=False))
