"""A command that has posted does not fail because its output cannot be written."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection

from models import User
from tests.builders import on_user

pytestmark = pytest.mark.django_db(transaction=True)

MANAGE = Path(__file__).resolve().parents[3] / "manage.py"
PERSON = "anna@example.com"


@pytest.fixture(autouse=True)
def anna(transactional_db: None) -> User:
    return User.objects.create_user(PERSON, is_staff=True)


def adjust(
    user: User, *more: str, reason: str = "sorry", **streams: Any
) -> "subprocess.CompletedProcess[str]":
    given = connection.get_connection_params()
    url = (
        f"postgresql://{quote(given['user'])}:{quote(given.get('password', ''))}@/{given['dbname']}"
        f"?host={quote(given['host'], safe='')}&port={given['port']}"
    )
    what = ("adjust", str(user.pk), "usd", "up", "3", "--reason-code", "goodwill", "--reason", reason)
    return subprocess.run(
        [sys.executable, str(MANAGE), *what, "--as", PERSON, *more],
        env={**os.environ, "DATABASE_URL": url, "PYTHONIOENCODING": "latin-1"},
        stderr=subprocess.PIPE,
        encoding="latin-1",
        check=False,
        **streams,
    )


def key_in(done: "subprocess.CompletedProcess[str]") -> str:
    found = re.match(r"key: (\S+)\n", done.stderr)
    assert found is not None, done.stderr
    return found[1]


def test_an_encoding_without_a_character_does_not_fail_what_was_posted(user: User) -> None:
    """The arrow is printed as an escape. Repeated under the key, the command posts nothing more."""
    before = on_user(user)[0]
    done = adjust(user, stdout=subprocess.PIPE)
    assert done.returncode == 0, done.stderr
    assert f"platform:manual:usd \\u2192 user:{user.pk}:usd" in done.stdout
    assert on_user(user)[0] == before + 3
    again = adjust(user, "--key", key_in(done), stdout=subprocess.PIPE)
    assert (again.returncode, again.stdout) == (0, done.stdout)
    assert on_user(user)[0] == before + 3


def test_an_output_that_is_gone_does_not_fail_what_was_posted(user: User) -> None:
    """A pipe that nothing reads, and a disk that is full."""
    before = on_user(user)[0]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = adjust(user, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, key_in(done) != "") == (0, True)
    with Path("/dev/full").open("w") as full:
        assert adjust(user, "--key", key_in(done), stdout=full).returncode == 0
        assert adjust(user, stdout=full).returncode == 0
    assert on_user(user)[0] == before + 6


def test_a_preview_has_no_key(user: User) -> None:
    """It posts nothing that could be repeated."""
    done = adjust(user, "--dry-run", stdout=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (0, "")
