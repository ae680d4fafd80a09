"""Sign-in checks one password at a time, because a check is dear and needs no key."""

from threading import Event, Thread
from typing import Any

import pytest
from django.contrib.auth import hashers
from django.db import connection
from django.test import Client

from models import User

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
