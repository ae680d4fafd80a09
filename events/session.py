"""Sets in every new connection to the database what the code relies on, whatever the server's defaults are.

The server, the database and the role may each have other defaults. Settings that are not here, such as those
of the server's log, are the operator's.
"""

from typing import Any, Final

from django.core.exceptions import ImproperlyConfigured

_SETTINGS: Final = {
    # Each statement sees what was committed when it began: what a lock protects is read after the lock.
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "TimeZone": "UTC",
    "IntervalStyle": "postgres",
    "transform_null_equals": "off",
    # A transaction that must not wait sets its own limits; an import or `verify` may take hours.
    "statement_timeout": "0",
    "lock_timeout": "0",
    "transaction_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "search_path": "public",
}
_DURABLE: Final = "on"

_SET: Final = """
    select set_config(wanted.name, wanted.value, false)
    from unnest(%s::text[], %s::text[]) as wanted(name, value)
    join pg_settings found on found.name = wanted.name
    where found.setting is distinct from wanted.value
      and (wanted.name <> 'search_path' or found.source <> 'client')
    union all
    select set_config('synchronous_commit', %s, false) where current_setting('synchronous_commit') = 'off'"""


_REQUIRED: Final = {"server_encoding": "UTF8", "standard_conforming_strings": "on"}
"""Settings that cannot be changed any more once the driver has read them."""


def prepare_session(*, connection: Any, **_: Any) -> None:
    """Set up a new connection. Raises `ImproperlyConfigured` for a database where the ledger cannot work.

    A `search_path` in the options of the database's URL is kept.
    """
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "select name, current_setting(name) from unnest(%s::text[]) as name", [list(_REQUIRED)]
        )
        for name, value in cursor.fetchall():
            if value != _REQUIRED[name]:
                raise ImproperlyConfigured(
                    f"{name} of the database is {value}, and has to be {_REQUIRED[name]}"
                )
        cursor.execute(_SET, [list(_SETTINGS), list(_SETTINGS.values()), _DURABLE])
