"""Prometheus metrics of HTTP requests, by route and never by path, and of the database."""

import os
from collections.abc import Callable
from threading import Lock
from time import monotonic, perf_counter
from typing import Final

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.multiprocess import MultiProcessCollector

from web.api.monitoring import LedgerCollector

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"})

_KEPT_SECONDS: Final = 1

_requests = Counter(
    "ledger_http_requests",
    "HTTP requests answered.",
    ["method", "route", "status"],
)
_seconds = Histogram(
    "ledger_http_request_seconds",
    "Time taken to answer an HTTP request.",
    ["method", "route"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10),
)


class MetricsMiddleware:
    """Count every request and measure how long its answer takes."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Return the response unchanged."""
        started = perf_counter()
        response = self.get_response(request)
        # Values that a client can make up (a path, a method) must not become labels.
        route = "none" if request.resolver_match is None else f"/{request.resolver_match.route}"
        method = request.method if request.method in _METHODS else "other"
        _requests.labels(method, route, str(response.status_code)).inc()
        _seconds.labels(method, route).observe(perf_counter() - started)
        return response


class Scrape:
    """The last metrics that were made. They are made again after a second, by one thread at a time.

    They need no key and cost queries, so however often they are asked for, they are made once a second.
    """

    def __init__(self) -> None:
        self._body = b""
        self._until = 0.0
        self._lock = Lock()

    def read(self) -> bytes:
        """Return the metrics. While another thread makes them, return the ones before, if there are any."""
        if monotonic() >= self._until and self._lock.acquire(blocking=not self._body):
            try:
                if monotonic() >= self._until:
                    self._body = _make()
                    self._until = monotonic() + _KEPT_SECONDS
            finally:
                self._lock.release()
        return self._body


_scrape = Scrape()


@require_safe
def metrics(_: HttpRequest) -> HttpResponse:
    """Return the metrics of all processes of this server and of the database, at most a second old.

    They name no user or amount.
    """
    return HttpResponse(_scrape.read(), content_type=CONTENT_TYPE_LATEST)


def _make() -> bytes:
    registry = REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    database_registry = CollectorRegistry()
    database_registry.register(LedgerCollector())
    return generate_latest(registry) + generate_latest(database_registry)
