"""Routes for tariffs and overrides: propose a version, list and show the published ones."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from ninja import Path, Query

from ledger.domain.errors import NotFound
from ledger.queries import tariffs
from ledger.requests import bodies, by_people, terms
from web.api import reading, rendering, shapes
from web.api.answering import submit
from web.api.auth import AdminKey, ReadKey, caller_of
from web.api.documentation import PROPOSED, body_of, command_extra, refusals
from web.api.parameters import Id, OverridesQuery
from web.api.proposals import add_proposal_routes
from web.api.routes import router


@router.get(
    "/tariffs",
    auth=ReadKey(),
    tags=["tariffs"],
    operation_id="list_tariffs",
    summary="List versions of the tariff",
    response={200: shapes.Tariffs, **refusals()},
)
def list_tariffs(request: HttpRequest) -> HttpResponse:
    """Return at most 500 versions that apply to all users, latest first, including future ones."""
    del request
    return _answer(tariffs.base_versions())


@router.post(
    "/tariffs",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="propose_tariff",
    summary="Propose a version of the tariff",
    response=PROPOSED,
    openapi_extra=command_extra(body_of(terms.Tariff), done=202),
)
def propose_tariff(request: HttpRequest) -> HttpResponse:
    """Propose a version, which another key must approve. Then it is published and never changed.

    It takes effect at a future time or on approval.
    """
    body = bodies.read_as(terms.Tariff, reading.read_json(request))
    return _propose(request, body)


@router.get(
    "/tariffs/overrides",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="list_overrides",
    summary="List overrides of the tariff",
    response={200: shapes.Tariffs, **refusals(400, 422)},
)
def list_overrides(request: HttpRequest, asked: Query[OverridesQuery]) -> HttpResponse:
    """Return at most 500 overrides, latest first, of all users and teams or of one `user` or `team`."""
    del request
    return _answer(tariffs.overrides(user=asked.user, team=asked.team))


@router.post(
    "/tariffs/overrides",
    auth=AdminKey(),
    tags=["tariffs"],
    operation_id="propose_override",
    summary="Propose an override for a user or a team",
    response=PROPOSED,
    openapi_extra=command_extra(body_of(terms.TariffOverride), done=202),
)
def propose_override(request: HttpRequest) -> HttpResponse:
    """Propose terms that replace those of the tariff. A user's override wins over that of their team."""
    body = bodies.read_as(terms.TariffOverride, reading.read_json(request))
    return _propose(request, body)


add_proposal_routes("tariff", "tariffs")  # before `/tariffs/{version}`, which would match `proposals`


@router.get(
    "/tariffs/{version}",
    auth=ReadKey(),
    tags=["tariffs"],
    operation_id="get_tariff",
    summary="Show a version of the tariff",
    response={200: shapes.Tariff, **refusals(404, 422)},
)
def get_tariff(request: HttpRequest, version: Path[Id]) -> HttpResponse:
    """Return a version and the number of operations that it priced.

    A user's key sees the versions for all users and the user's own overrides, without the number.
    """
    found = tariffs.find(version)
    viewer = caller_of(request).viewer
    if found is None or (
        viewer is not None and (found.user, found.team) not in {(None, None), (viewer.pk, None)}
    ):
        raise NotFound("there is no such version of the tariff")
    return rendering.json_response(rendering.tariff(found, uses=viewer is None))


def _answer(found: list[tariffs.TariffVersion]) -> HttpResponse:
    return rendering.json_response({"items": [rendering.tariff(each) for each in found]})


def _propose(request: HttpRequest, body: terms.Tariff | terms.TariffOverride) -> HttpResponse:
    role = caller_of(request).role
    return submit(request, partial(by_people.propose_tariff, body, role=role, now=timezone.now()))
