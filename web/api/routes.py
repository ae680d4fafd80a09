"""The router to which every module adds its routes. Only one, because modules share paths."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Router
from typing_extensions import override

from easyautoml_ledger.errors import printable
from web.api.errors import UnknownParameter


class StrictRouter(Router):
    """ninja's router, whose routes refuse every query parameter that they do not declare."""

    @override
    def add_api_operation(
        self, path: str, methods: list[str], view_func: Callable[..., HttpResponse], **options: Any
    ) -> None:
        known: set[str] = set()

        @wraps(view_func)
        def view(request: HttpRequest, **arguments: Any) -> HttpResponse:
            _refuse_unknown(request, known)
            return view_func(request, **arguments)

        super().add_api_operation(path, methods, view, **options)
        (operation,) = self.path_operations[_with_string_ids(path)].operations[-1:]
        for model in operation.models:
            if model.__ninja_param_source__ == "query":
                known.update(model.__ninja_flatten_map__)
        for parameter in (options.get("openapi_extra") or {}).get("parameters", ()):
            if parameter["in"] == "query":
                known.add(parameter["name"])


def _with_string_ids(path: str) -> str:
    return path.replace("{uuid:", "{uuidstr:")  # as ninja stores it


def _refuse_unknown(request: HttpRequest, known: set[str]) -> None:
    """Raise `UnknownParameter` for a misspelt or repeated parameter: ignoring it would do something else."""
    for name, values in request.GET.lists():
        if name not in known:
            raise UnknownParameter("there is no such parameter", field=printable(name))
        if len(values) != 1:
            raise UnknownParameter("the parameter is repeated", field=name)


router: Final = StrictRouter()
