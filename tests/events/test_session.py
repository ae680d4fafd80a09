"""Defaults of the server, database and role that would change what the code means."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import connection, connections

from tests import builders as make
from tests.builders import make_user, recorded
from tests.connections import Worker, another
from tests.projections import world as worlds

pytestmark = pytest.mark.django_db(transaction=True)

DEFAULTS = {
    "default_transaction_isolation": "repeatable read",
    "default_transaction_deferrable": "on",
    "timezone": "Asia/Kathmandu",
    "intervalstyle": "iso_8601",
    "transform_null_equals": "on",
    "statement_timeout": "60s",
    "lock_timeout": "60s",
    "idle_in_transaction_session_timeout": "60s",
    "search_path": "nowhere",
    "synchronous_commit": "off",
}


@contextmanager
def database_defaults(**defaults: str) -> Iterator[None]:
    """Change defaults of the database for connections that are opened in the block."""
    name = connection.settings_dict["NAME"]
    with another() as other, other.cursor() as cursor:
        for setting, value in defaults.items():
            cursor.execute(f"alter database {name} set {setting} = %s", [value])
        try:
            yield
        finally:
            cursor.execute("set search_path = public")
            cursor.execute(f"alter database {name} reset all")


def test_the_service_does_not_depend_on_the_defaults_of_the_database() -> None:
    """Operations are posted and verified as usual, two of them at the same time for one user."""
    user = make_user()

    def pay() -> None:
        for _ in range(5):
            recorded(make.top_up(user, 1))

    with database_defaults(**DEFAULTS):
        payers = [Worker(pay), Worker(pay)]
        for payer in payers:
            payer.answer()
        connections.close_all()
        worlds.project()
        assert worlds.mismatches() == []
        user.refresh_from_db()
        assert user.user_balance == 10
        with connection.cursor() as cursor:
            shown = {}
            for setting in DEFAULTS:
                cursor.execute(f"show {setting}")
                shown[setting] = cursor.fetchone()[0]
    connections.close_all()
    assert shown == {
        "default_transaction_isolation": "read committed",
        "default_transaction_deferrable": "off",
        "timezone": "UTC",
        "intervalstyle": "postgres",
        "transform_null_equals": "off",
        "statement_timeout": "0",
        "lock_timeout": "0",
        "idle_in_transaction_session_timeout": "0",
        "search_path": "public",
        "synchronous_commit": "on",
    }


def test_a_search_path_in_the_url_of_the_database_is_kept() -> None:
    """It was asked for, unlike one that a role happens to have."""
    options = connection.settings_dict["OPTIONS"]
    before = dict(options)
    connections.close_all()
    options["options"] = "-c search_path=public,pg_catalog"
    try:
        with connection.cursor() as cursor:
            cursor.execute("show search_path")
            assert cursor.fetchone() == ("public,pg_catalog",)
    finally:
        options.clear()
        options.update(before)
        connections.close_all()


def test_a_database_in_another_encoding_is_refused() -> None:
    """Texts would be cut or refused in the middle of a batch."""
    with another() as other, other.cursor() as cursor:
        cursor.execute("create database in_latin encoding 'LATIN1' locale 'C' template template0")
    name = connection.settings_dict["NAME"]
    connections.close_all()
    connection.settings_dict["NAME"] = "in_latin"
    try:
        with pytest.raises(ImproperlyConfigured, match="LATIN1"):
            connection.ensure_connection()
    finally:
        connections.close_all()
        connection.settings_dict["NAME"] = name
    with another() as other, other.cursor() as cursor:
        cursor.execute("drop database in_latin")


def test_a_database_where_backslashes_are_escapes_is_refused() -> None:
    """The driver would write them for the other kind of strings."""
    with database_defaults(standard_conforming_strings="off"):
        connections.close_all()
        with pytest.raises(ImproperlyConfigured, match="standard_conforming_strings"):
            connection.ensure_connection()
    connections.close_all()
