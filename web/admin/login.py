"""Sign-in to the administration, one password check at a time in each process, and slower after wrong ones.

A check takes a third of a second of processor time, and anyone may ask for one without a key. So concurrent
attempts are refused instead of occupying every thread and processor.
"""

from threading import Lock
from typing import Final

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from web.admin import sign_in

_checking: Final = Lock()


def login(request: HttpRequest) -> HttpResponseBase:
    """Show the form, or check the password that was sent with it.

    503 while another is checked; 429 without a check while the account or the address has to wait.
    """
    if request.method != "POST":
        return admin.site.login(request)
    if not _checking.acquire(blocking=False):
        return _refuse("Someone else is signing in. Try again.", status=503, seconds=1)
    try:
        attempt = sign_in.attempt_of(request)
        if seconds := sign_in.begin(attempt):
            return _refuse(
                f"Too many wrong passwords. Try again in {seconds} seconds.", status=429, seconds=seconds
            )
        response = admin.site.login(request)
        if response.status_code == 302:
            sign_in.succeeded(attempt)
        else:
            sign_in.failed(attempt)
        return response
    finally:
        _checking.release()


def _refuse(message: str, *, status: int, seconds: int) -> HttpResponse:
    refused = HttpResponse(message, status=status, content_type="text/plain")
    refused["Retry-After"] = str(seconds)
    return refused
