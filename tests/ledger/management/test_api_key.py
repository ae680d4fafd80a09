"""Keys from the command line: shown once, listed without their secret, worthless when revoked."""

import io
from time import monotonic

import pytest
from django.core.management import CommandError, call_command

from ledger import keys
from ledger.keys import find_key

pytestmark = pytest.mark.django_db


def _said(*arguments: str) -> str:
    said = io.StringIO()
    call_command("api_key", *arguments, stdout=said)
    return said.getvalue()


def test_a_key_is_made_listed_and_revoked(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list never shows the secret, and a key that was revoked a second ago opens nothing."""
    scopes = ["--scope", "ledger:read", "--scope", "ledger:admin"]
    secret = _said("create", "--name", "finance", "--source", "/services/finance", *scopes).split()[0]
    key = find_key(secret)
    assert key is not None
    assert (key.source, key.scopes) == ("/services/finance", ["ledger:read", "ledger:admin"])
    listed = _said("list")
    assert key.prefix in listed
    assert secret.rpartition("_")[2] not in listed
    _said("revoke", key.prefix)
    monkeypatch.setattr(keys, "monotonic", lambda: monotonic() + keys.KNOWN_SECONDS)
    assert find_key(secret) is None
    with pytest.raises(CommandError, match=key.prefix):
        _said("revoke", key.prefix)


def test_a_key_is_of_a_service_or_of_a_user() -> None:
    """One of both has to be given."""
    with pytest.raises(CommandError, match=r"--source|--user"):
        _said("create", "--name", "nobody's")
