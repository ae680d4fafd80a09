"""Creates and finds API keys. A key is shown once, when it is created; only its hash is stored.

# Note [Cached keys]
Every request has a key, and reading it is a large part of what a single operation asks the database. So each
process caches the keys that it found for `CACHED_SECONDS`, which is how long a key may still be used after it
was revoked. It never caches that there is no such key.
"""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from time import monotonic
from typing import Final

from django.db import connection
from django.utils import timezone

from ledger.domain.errors import Invalid
from ledger.models import ApiKey
from models.access import may_approve
from models.user import User

CACHED_SECONDS: Final = 1.0
_TOUCHED_EVERY = timedelta(minutes=1)
_COLUMNS = [field.attname for field in ApiKey._meta.concrete_fields]
# Written as SQL, because building the query with the ORM takes eight times as long.
_FIND = f"""
    select {", ".join(_COLUMNS)} from ledger_api_key
    where prefix = %s and revoked_at is null and (expires_at is null or expires_at > %s)"""  # noqa: S608

_cached: Final[dict[str, tuple[ApiKey, float]]] = {}
"""By prefix: the key, and the time until which it is cached. It never has more items than there are keys."""


def create_key(
    *,
    name: str,
    scopes: Sequence[str],
    source: str | None = None,
    user_id: int | None = None,
    made_by: int | None = None,
) -> str:
    """Create a key of a service (`source`) or a user (`user_id`); return its token, which is not stored.

    `made_by` is the person who makes it. Raises `Invalid` for the scope to approve, unless the key is that of
    a person who may approve.
    """
    if ApiKey.Scope.APPROVE in scopes:
        owner = None if user_id is None else User.objects.filter(pk=user_id).first()
        if owner is None or not may_approve(owner):
            raise Invalid(
                f"{ApiKey.Scope.APPROVE.value} is only for the own keys of people who may approve",
                field="scope",
            )
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    ApiKey.objects.create(
        prefix=prefix,
        secret_hash=_hash(secret),
        name=name,
        source=source,
        user_id=user_id,
        made_by=made_by,
        scopes=list(scopes),
    )
    return f"ledger_{prefix}_{secret}"


def find_key(token: str) -> ApiKey | None:
    """Return the key of a token, or None if the token is not valid now: Note [Cached keys].

    The key is shared by callers and must not be changed. Its last use is stored at most once a minute.
    """
    _, _, rest = token.partition("ledger_")
    prefix, _, secret = rest.partition("_")
    # The secret has 256 random bits, so one round of SHA-256 is as good as a slow hash.
    secret_hash, now = _hash(secret), timezone.now()
    key = _cached_key(prefix) or _stored_key(prefix, now)
    if key is None or not secrets.compare_digest(key.secret_hash, secret_hash):
        return None
    return None if key.expires_at is not None and key.expires_at <= now else key


def _cached_key(prefix: str) -> ApiKey | None:
    key, until = _cached.get(prefix, (None, 0.0))
    return key if monotonic() < until else None


def _stored_key(prefix: str, now: datetime) -> ApiKey | None:
    asked = monotonic()
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [prefix, now])
        row = cursor.fetchone()
    if row is None:
        _cached.pop(prefix, None)
        return None
    key = ApiKey.from_db(connection.alias, _COLUMNS, row)
    key.secret_hash = bytes(key.secret_hash)
    if key.last_used_at is None or key.last_used_at < now - _TOUCHED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    _cached[prefix] = key, asked + CACHED_SECONDS
    return key


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
