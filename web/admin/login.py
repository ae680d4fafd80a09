"""Sign-in to the administration, one password check at a time in each process.

A check takes a third of a second of processor time, and anyone may ask for one without a key. So concurrent
attempts are refused instead of occupying every thread and processor.
"""

from threading import Lock
from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

_checking: Final = Lock()


def login(request: HttpRequest) -> HttpResponseBase:
    """Show the form, or check the password that was sent with it. 503 while another is checked."""
    if request.method != "POST":
        return admin.site.login(request)
    if not _checking.acquire(blocking=False):
        refused = HttpResponse(
            "Someone else is signing in. Try again.", status=503, content_type="text/plain"
        )
        refused["Retry-After"] = "1"
        return refused
    try:
        return admin.site.login(request)
    finally:
        _checking.release()
