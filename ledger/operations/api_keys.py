"""API keys: made once, shown once, kept as a hash."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import timedelta

from django.db import connection
from django.utils import timezone

from ledger.models import ApiKey

_TOUCHED_EVERY = timedelta(minutes=1)
_COLUMNS = [field.attname for field in ApiKey._meta.concrete_fields]
# Every request asks this: written out, it costs an eighth of what building the query does.
_FIND = f"""
    select {", ".join(_COLUMNS)} from ledger_api_key
    where prefix = %s and revoked_at is null and (expires_at is null or expires_at > %s)"""  # noqa: S608


def create_key(
    *,
    name: str,
    scopes: Sequence[str],
    source: str | None = None,
    user_id: int | None = None,
) -> str:
    """Make a key of a service (`source`) or of a user (`user_id`); the secret, which is kept nowhere."""
    prefix, secret = secrets.token_hex(4), secrets.token_urlsafe(32)
    ApiKey.objects.create(
        prefix=prefix,
        secret_hash=_hash(secret),
        name=name,
        source=source,
        user_id=user_id,
        scopes=list(scopes),
    )
    return f"ledger_{prefix}_{secret}"


def find_key(token: str) -> ApiKey | None:
    """The key of a token that is valid now, else None. Notes at most once a minute that it was used."""
    _, _, rest = token.partition("ledger_")
    prefix, _, secret = rest.partition("_")
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(_FIND, [prefix, now])
        row = cursor.fetchone()
    key = None if row is None else ApiKey.from_db(connection.alias, _COLUMNS, row)
    # The secret has 256 random bits, so one round of SHA-256 is as good as a slow hash.
    if key is None or not secrets.compare_digest(bytes(key.secret_hash), _hash(secret)):
        return None
    if key.last_used_at is None or key.last_used_at < now - _TOUCHED_EVERY:
        ApiKey.objects.filter(pk=key.pk).update(last_used_at=now)
    return key


def _hash(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
