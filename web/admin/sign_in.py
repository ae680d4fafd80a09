"""Slows down guessing of passwords: each wrong one makes the next attempt wait, twice as long every time.

The waits are kept in the database, so they hold for all processes of the web server. An attempt is counted
before its password is checked, and taken back if it was right: of several at the same time one is the first.
"""

from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

WAIT_SECONDS_MAX: Final = 300
_FORGOTTEN_AFTER: Final = "15 minutes"
_PURGED_AT_ONCE: Final = 1000

# The wait after the n-th failure in a row is 2^(n-1) seconds.
_WAIT: Final = f"now() + make_interval(secs => least({WAIT_SECONDS_MAX}, power(2, least(failures, 30) - 1)))"


class Attempt(NamedTuple):
    """The keyed hashes of the account and the address of an attempt. The account need not exist."""

    account: str
    address: str


def attempt_of(request: HttpRequest) -> Attempt:
    """Return the attempt that a sign-in form makes."""
    name = request.POST.get("username", "").strip().casefold()
    return Attempt(_hashed("account", name), _hashed("address", address_of(request)))


def address_of(request: HttpRequest) -> str:
    """Return the client's address, which the outermost of our own proxies has seen."""
    proxies: int = settings.ENVIRONMENT.proxies
    seen = [part.strip() for part in request.META.get("HTTP_X_FORWARDED_FOR", "").split(",") if part.strip()]
    if proxies and len(seen) >= proxies:
        return str(seen[-proxies])
    return str(request.META.get("REMOTE_ADDR", ""))


def begin(attempt: Attempt) -> int:
    """Count an attempt as failed and return 0; or count nothing and return the seconds to wait."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            """delete from web_sign_in_failures where subject in
                   (select subject from web_sign_in_failures where blocked_until < now() - %s::interval
                    order by subject limit %s for update skip locked)""",
            [_FORGOTTEN_AFTER, _PURGED_AT_ONCE],
        )
        cursor.execute(
            """insert into web_sign_in_failures (subject, failures, blocked_until)
               select subject, 0, now() from unnest(%s) subject order by subject
               on conflict do nothing""",
            [sorted(attempt)],
        )
        cursor.execute(
            """select ceil(extract(epoch from blocked_until - now()))
               from web_sign_in_failures where subject = any(%s) order by subject for update""",
            [sorted(attempt)],
        )
        wait = max((int(row[0]) for row in cursor.fetchall()), default=0)
        if wait > 0:
            return wait
        cursor.execute(
            """update web_sign_in_failures set failures = failures + 1 where subject = any(%s)""",
            [sorted(attempt)],
        )
        _wait(cursor, attempt)
        return 0


def failed(attempt: Attempt) -> None:
    """Let the wait begin again, now that the password was checked."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "select from web_sign_in_failures where subject = any(%s) order by subject for update",
            [sorted(attempt)],
        )
        _wait(cursor, attempt)


def succeeded(attempt: Attempt) -> None:
    """Forget the failures of the account, and take this attempt off those of the address."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("delete from web_sign_in_failures where subject = %s", [attempt.account])
        cursor.execute(
            """update web_sign_in_failures set failures = greatest(failures - 1, 0), blocked_until = now()
               where subject = %s""",
            [attempt.address],
        )


def _wait(cursor: Any, attempt: Attempt) -> None:
    cursor.execute(
        f"update web_sign_in_failures set blocked_until = {_WAIT} where subject = any(%s)",  # noqa: S608 (fixed)
        [sorted(attempt)],
    )


def _hashed(kind: str, value: str) -> str:
    return salted_hmac("ledger.sign-in", f"{kind}:{value}", algorithm="sha256").hexdigest()
