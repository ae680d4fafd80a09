"""The doors of tariffs: published by two people, looked at by everybody whom they concern."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query

from ledger.domain.errors import NotFound
from ledger.queries import tariffs
from ledger.requests import bodies, by_people, terms
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, ReadKey, caller_of
from web.api.documentation import body_of, command_extra, refusals
from web.api.parameters import Id, OverridesQuery
from web.api.proposals import add_doors
from web.api.reading import refuse_unknown_parameters
from web.api.routes import router

_PROPOSED: Mapping[int, Any] = {
    202: shapes.Operation,
    200: shapes.OperationOrQuote,
    **refusals(400, 409, 411, 413, 415, 422),
}


@router.get(
    "/tariffs",
    auth=ReadKey(),
    tags=["tariffs"],
    operation_id="list_tariffs",
    summary="List the versions of the tariff",
    response={200: shapes.Tariffs, **refusals()},
)
def list_tariffs(request: HttpRequest) -> HttpResponse:
    """Those for everybody, the latest first, at most 500; future ones too."""
    del request
    return _listed(tariffs.everybodys())


@router.post(
    "/tariffs",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="propose_tariff",
    summary="Propose a version of the tariff",
    response=_PROPOSED,
    openapi_extra=command_extra(body_of(terms.Tariff), done=202),
)
def propose_tariff(request: HttpRequest) -> HttpResponse:
    """Another key approves it: then it is published, and never edited. From a future time on, or at once."""
    body = bodies.read_as(terms.Tariff, reading.read_json(request))
    return _propose(request, body)


@router.get(
    "/tariffs/overrides",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="list_overrides",
    summary="List the terms of single users and teams",
    response={200: shapes.Tariffs, **refusals(400, 422)},
)
def list_overrides(request: HttpRequest, asked: Query[OverridesQuery]) -> HttpResponse:
    """The latest first, at most 500; of one `user` or `team` where it is named."""
    refuse_unknown_parameters(request, OverridesQuery)
    return _listed(tariffs.overrides(user=asked.user, team=asked.team))


@router.post(
    "/tariffs/overrides",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="propose_override",
    summary="Propose terms for a user or a team",
    response=_PROPOSED,
    openapi_extra=command_extra(body_of(terms.TariffOverride), done=202),
)
def propose_override(request: HttpRequest) -> HttpResponse:
    """Some terms in the place of the tariff's. A user's stand before his team's."""
    body = bodies.read_as(terms.TariffOverride, reading.read_json(request))
    return _propose(request, body)


add_doors("tariff", "tariffs")  # before what would take `proposals` for a version


@router.get(
    "/tariffs/{version}",
    auth=ReadKey(),
    tags=["tariffs"],
    operation_id="get_tariff",
    summary="Show a version of the tariff",
    response={200: shapes.Tariff, **refusals(404, 422)},
)
def get_tariff(request: HttpRequest, version: Path[Id]) -> HttpResponse:
    """With how many operations were priced by it. A user's key sees everybody's versions and his own."""
    found = tariffs.find(version)
    viewer = caller_of(request).viewer
    if found is None or (
        viewer is not None and (found.user, found.team) not in {(None, None), (viewer.pk, None)}
    ):
        raise NotFound("there is no such version of the tariff")
    return rendering.json_response(rendering.tariff(found, uses=viewer is None))


def _listed(found: list[tariffs.Published]) -> HttpResponse:
    return rendering.json_response({"items": [rendering.tariff(each) for each in found]})


def _propose(request: HttpRequest, body: terms.Tariff | terms.TariffOverride) -> HttpResponse:
    role = caller_of(request).role
    return submit(request, partial(by_people.propose_tariff, body, role=role, now=timezone.now()))
