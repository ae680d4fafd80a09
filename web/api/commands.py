"""The routes of commands, made from the requests in `ledger.requests`."""

import inspect
import re
from collections.abc import Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from ninja import Path
from pydantic import BaseModel, create_model

from ledger.requests.body import read_as
from ledger.requests.catalog import REQUESTS
from ledger.requests.request import Request, Route, Scope, submission_of
from web.api import reading
from web.api.answering import submit
from web.api.auth import AdminKey, ApproveKey, ResolveKey, WriteKey
from web.api.documentation import PROPOSED, RECORDED, body_of, command_extra, refusals
from web.api.parameters import Id
from web.api.routes import router

_KEYS: Final[Mapping[Scope, type[WriteKey | AdminKey | ApproveKey]]] = {
    "ledger:write": WriteKey,
    "ledger:admin": AdminKey,
    "ledger:approve": ApproveKey,
    "ledger:admin or ledger:approve": ResolveKey,
}
_ANSWERS: Final = {"never": RECORDED, "perhaps": {**RECORDED, **PROPOSED}, "always": PROPOSED}


def add_routes() -> None:
    """Add the routes of all requests to the router."""
    for request in REQUESTS:
        for route in request.routes:
            _add_route(request, route)


def _add_route(declared: Request[Any], route: Route) -> None:
    elsewhere = {*route.parameters, *route.fixed}
    body = _without(declared.message, elsewhere)

    def view(request: HttpRequest, **in_path: Any) -> HttpResponse:
        sent = reading.read_object(request) if body.model_fields else {}
        for name in sorted(elsewhere & {*sent}):
            raise reading.unknown_field(name)
        message = read_as(declared.message, {**sent, **in_path, **route.fixed})
        location = route.location and route.location.format_map(message.__dict__)
        return submit(request, lambda sender: submission_of(declared, message, sender), location)

    view.__name__ = route.operation_id
    view.__signature__ = _signature(declared.message, route)  # type: ignore[attr-defined]  # which ninja reads
    router.post(
        re.sub(r"\{(\w+)\}", lambda found: _converted(declared.message, found[1]), route.path),
        auth=_KEYS[route.scope](),
        tags=[route.path.split("/")[1]],
        operation_id=route.operation_id,
        summary=route.summary,
        description=route.description,
        response={**_ANSWERS[route.proposes], **refusals(*route.refusals)},
        openapi_extra=command_extra(
            body_of(body) if body.model_fields else None, done=202 if route.proposes == "always" else 201
        ),
    )(view)


def _without(message: type[BaseModel], names: set[str]) -> type[BaseModel]:
    """Return the model of a body: the message without the fields that the path says."""
    if not names:
        return message
    fields: dict[str, Any] = {
        name: (field.rebuild_annotation(), field)
        for name, field in message.model_fields.items()
        if name not in names
    }
    return create_model(message.__name__, __doc__=message.__doc__, __config__=message.model_config, **fields)


def _signature(message: type[BaseModel], route: Route) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("request", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=HttpRequest)
    ]
    parameters += [
        inspect.Parameter(name, keyword, annotation=Path[_type_in_path(message, name)])  # type: ignore[misc]
        for name in route.parameters
    ]
    return inspect.Signature(parameters)


def _type_in_path(message: type[BaseModel], name: str) -> Any:
    field = message.model_fields[name]
    return Id if field.annotation is int else field.rebuild_annotation()


def _converted(message: type[BaseModel], name: str) -> str:
    """Return a parameter of the path as Django matches it: a UUID only where one is needed."""
    is_uuid = getattr(message.model_fields[name].annotation, "__name__", "") == "UUID"
    return f"{{uuid:{name}}}" if is_uuid else f"{{{name}}}"
