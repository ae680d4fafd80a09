"""Answers for addresses and forms of the administration that have values which no column can hold."""

from collections.abc import Callable
from typing import Final

from django.db import DataError
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import render

_PREFIX: Final = "/admin/"


class ImpossibleValuesMiddleware:
    """Answer 400 instead of failing: a NUL character, and what the database refuses as out of range."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response."""
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *_: object) -> HttpResponseBase | None:
        """Return a response if the request has a NUL character, which PostgreSQL cannot store or compare."""
        if not request.path.startswith(_PREFIX):
            return None
        given = [request.path, *request.GET.keys(), *request.POST.keys()]
        given += [value for _, values in (*request.GET.lists(), *request.POST.lists()) for value in values]
        return _answer(request) if any("\0" in value for value in given) else None

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponseBase | None:
        """Return a response if the database refused a value, such as a number of 30 digits."""
        is_ours = request.path.startswith(_PREFIX) and isinstance(exception, DataError | OverflowError)
        return _answer(request) if is_ours else None


def _answer(request: HttpRequest) -> HttpResponseBase:
    return render(request, "admin/impossible_value.html", {"title": "Impossible value"}, status=400)
