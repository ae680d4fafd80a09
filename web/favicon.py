"""The icon that browsers ask every site for: there is none."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_safe


@require_safe
@cache_control(max_age=86_400, public=True)
def favicon(_: HttpRequest) -> HttpResponse:
    """Return 204, for a browser to remember for a day."""
    return HttpResponse(status=204)
