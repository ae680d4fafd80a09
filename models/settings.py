"""Settings for using the tables alone: SQLite next to the package, no ledger.

All tables can be read, and all but those of the ledger can be written. The service has its own settings;
only a bare interpreter falls back to these.
"""

import os
import secrets
from pathlib import Path

from models.money import register_currencies

BASE_DIR = Path(__file__).resolve().parent.parent

# A random key is enough: without the service, no signature has to outlive the process.
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or secrets.token_urlsafe(50)

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "models",
]

# Custom user model
AUTH_USER_MODEL = "models.User"

# Decimal field defaults
MODEL_DECIMAL_FIELD_DEFAULT_MAX_DIGITS = 20
MODEL_DECIMAL_FIELD_DEFAULT_DECIMAL_PLACES = 8

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": BASE_DIR / "db.sqlite3",
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

USE_TZ = True
TIME_ZONE = "UTC"

# django-money reads these when it is first imported.
register_currencies()
CURRENCIES = ("USD", "EAML")
CURRENCY_CODE_MAX_LENGTH = 8
CURRENCY_DECIMAL_PLACES = 8
# Without this setting a token amount prints with two decimals.
MONEY_FORMAT = {"currency_digits": False, "format": "#,##0.00###### ¤¤"}
