"""Sign-in checks one password at a time, and makes guessing slower with each wrong one."""

from datetime import timedelta
from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client, RequestFactory
from django.utils import timezone

from models import User
from web.admin.sign_in import address_of
from web.models import SignInFailures

SENT = {"username": "staff@example.com", "password": "a made-up password"}


@pytest.mark.django_db(transaction=True)
def test_a_second_password_is_refused_while_one_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """503 at once, without another check; the form is shown all the same, and the next attempt signs in."""
    User.objects.create_superuser(email=SENT["username"], password=SENT["password"])
    checking, go_on, statuses = Event(), Event(), []
    verify = hashers.verify_password

    def wait_and_verify(*arguments: Any, **named: Any) -> Any:
        checking.set()
        assert go_on.wait(30)
        return verify(*arguments, **named)

    monkeypatch.setattr(hashers, "verify_password", wait_and_verify)

    def sign_in() -> None:
        statuses.append(Client().post("/admin/login/", SENT).status_code)

    def sign_in_first() -> None:
        sign_in()
        connection.close()

    first = Thread(target=sign_in_first)
    first.start()
    assert checking.wait(30)
    refused = Client().post("/admin/login/", SENT)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "1")
    assert Client().get("/admin/login/").status_code == 200
    go_on.set()
    first.join()
    sign_in()
    assert statuses == [302, 302]


def _sign_in(name: str = SENT["username"], password: str = SENT["password"], **extra: Any) -> Any:
    return Client().post("/admin/login/", {"username": name, "password": password}, **extra)


def _waited() -> None:
    """Let every wait end now."""
    SignInFailures.objects.update(blocked_until=timezone.now() - timedelta(minutes=5))


def _waits(name: str, password: str, tries: int) -> list[int]:
    """Return the seconds after each of several attempts, as the next one is told them."""
    found = []
    for _ in range(tries):
        assert _sign_in(name, password).status_code == 200
        refused = _sign_in(name, password)
        assert refused.status_code == 429
        assert f"Try again in {refused.headers['Retry-After']} seconds." in refused.content.decode()
        found.append(int(refused.headers["Retry-After"]))
        _waited()
    return found


@pytest.mark.django_db
@pytest.mark.parametrize("name", [SENT["username"], "unknown@example.com"])
def test_each_wrong_password_doubles_the_wait(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """For accounts that exist and others alike, up to five minutes."""
    monkeypatch.setattr(hashers, "verify_password", lambda *_arguments, **_named: (False, False))
    User.objects.create_superuser(email=SENT["username"], password=SENT["password"])
    assert _waits(name, "wrong", 11) == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]


@pytest.mark.django_db
def test_an_account_waits_for_every_address_and_an_address_for_every_account() -> None:
    """The right password is not even checked while it waits; another account from elsewhere signs in."""
    User.objects.create_superuser(email=SENT["username"], password=SENT["password"])
    User.objects.create_superuser(email="other@example.com", password=SENT["password"])
    assert _sign_in(password="wrong", REMOTE_ADDR="192.0.2.1").status_code == 200
    assert _sign_in(SENT["username"].upper(), REMOTE_ADDR="192.0.2.2").status_code == 429
    assert _sign_in("other@example.com", REMOTE_ADDR="192.0.2.1").status_code == 429
    assert _sign_in("other@example.com", REMOTE_ADDR="192.0.2.3").status_code == 302


@pytest.mark.django_db
def test_the_right_password_forgets_the_wrong_ones() -> None:
    """Of the account; those of the address are kept, without this attempt."""
    User.objects.create_superuser(email=SENT["username"], password=SENT["password"])
    for _ in range(3):
        assert _sign_in(password="wrong").status_code == 200
        _waited()
    assert _sign_in().status_code == 302
    assert [row.failures for row in SignInFailures.objects.all()] == [3]
    assert _sign_in().status_code == 302


@pytest.mark.django_db
def test_failures_are_forgotten_after_a_quarter_of_an_hour() -> None:
    """By the next attempt of anyone."""
    assert _sign_in("a@example.com", "wrong", REMOTE_ADDR="192.0.2.1").status_code == 200
    SignInFailures.objects.update(blocked_until=timezone.now() - timedelta(minutes=20))
    assert _sign_in("b@example.com", "wrong", REMOTE_ADDR="192.0.2.2").status_code == 200
    assert [row.failures for row in SignInFailures.objects.all()] == [1, 1]


def test_an_address_is_the_one_that_our_own_proxy_saw(settings: Any) -> None:
    """The header is believed as far as there are proxies of ours, because clients can send it too."""
    request = RequestFactory().post("/", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="6.6.6.6, 192.0.2.1")
    for proxies, address in ((0, "10.0.0.1"), (1, "192.0.2.1"), (2, "6.6.6.6"), (3, "10.0.0.1")):
        settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"proxies": proxies})
        assert address_of(request) == address
