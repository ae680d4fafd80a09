"""API keys on the command line: shown once, listed without their secret, invalid when revoked."""

import io
from time import monotonic

import pytest
from django.core.management import CommandError, call_command

from ledger import keys
from ledger.keys import find_key

pytestmark = pytest.mark.django_db


def _printed(*arguments: str) -> str:
    said = io.StringIO()
    call_command("api_key", *arguments, stdout=said)
    return said.getvalue()


def test_a_key_is_created_listed_and_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list never shows the secret, and a key is invalid a second after it was revoked."""
    scopes = ["--scope", "ledger:read", "--scope", "ledger:admin"]
    secret = _printed("create", "--name", "finance", "--source", "/services/finance", *scopes).split()[0]
    key = find_key(secret)
    assert key is not None
    assert (key.source, key.scopes) == ("/services/finance", ["ledger:read", "ledger:admin"])
    listed = _printed("list")
    assert key.prefix in listed
    assert secret.rpartition("_")[2] not in listed
    _printed("revoke", key.prefix)
    monkeypatch.setattr(keys, "monotonic", lambda: monotonic() + keys.CACHED_SECONDS)
    assert find_key(secret) is None
    with pytest.raises(CommandError, match=key.prefix):
        _printed("revoke", key.prefix)


def test_a_key_belongs_to_a_service_or_a_user() -> None:
    """One of the two must be given."""
    with pytest.raises(CommandError, match=r"--source|--user"):
        _printed("create", "--name", "nobody's")
