"""Routes for tariffs and overrides: propose a version, list and show the published ones."""

from django.http import HttpRequest, HttpResponse
from ninja import Path, Query

from ledger.domain.errors import NotFound
from ledger.queries import tariffs
from web.api import rendering, shapes
from web.api.auth import AdminKey, ReadKey, caller_of
from web.api.documentation import refusals
from web.api.parameters import Id, OverridesQuery
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
