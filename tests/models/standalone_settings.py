"""`models.settings` with a database in memory and a small ledger behind the port."""

from models.settings import *  # noqa: F403 - settings are taken as they are

DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
LEDGER_POST = "tests.models.small_ledger"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
