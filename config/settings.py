"""Django's settings, from the environment. No other package reads settings at import."""

from pathlib import Path
from typing import Any

import moneyed
from django.db.backends.postgresql.psycopg_any import is_psycopg3

from config import VERSION
from config.environment import read_environment
from config.setting_values import database
from ledger.domain.proposals import Role, Tier
from web.server.limits import Limits

# Django silently prefers psycopg 3 if it is installed, but COPY and the lock order are written for psycopg2.
if is_psycopg3:
    raise RuntimeError("psycopg 3 is installed, and Django would use it instead of psycopg2: uninstall it")

ENVIRONMENT = read_environment()

BASE_DIR = Path(__file__).resolve().parent.parent
LEDGER_VERSION = VERSION
SECRET_KEY = ENVIRONMENT.secret_key.get_secret_value()
DEBUG = ENVIRONMENT.debug
ALLOWED_HOSTS = ENVIRONMENT.allowed_hosts
CSRF_TRUSTED_ORIGINS = ENVIRONMENT.csrf_trusted_origins

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "djmoney",
    "models",
    "events",
    "ledger",
    "projections",
    "web",
]
MIDDLEWARE = [
    "web.api.metrics.MetricsMiddleware",
    "web.api.problems.ProblemMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "web.admin.impossible_values.ImpossibleValuesMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "web" / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "models.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]

DATABASES: dict[str, dict[str, Any]] = {"default": database(ENVIRONMENT.database_url.get_secret_value())}
if ENVIRONMENT.database_owner_url is not None:
    # Only `manage.py setup` uses it; the processes that post never connect as the owner.
    DATABASES["owner"] = database(ENVIRONMENT.database_owner_url.get_secret_value())
    DATABASES["owner"]["TEST"] = {"MIRROR": "default"}

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en-us"
STATIC_URL = "static/"
# Files are served straight from the packages: nothing is collected, so there is no STATIC_ROOT.
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = ENVIRONMENT.body_bytes_max
LOGIN_URL = "admin:login"
SESSION_COOKIE_HTTPONLY = True
# Behind a proxy that ends TLS. Plain HTTP is sent on, except what monitoring asks on the inside.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE_SSL_REDIRECT = ENVIRONMENT.https
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ENVIRONMENT.https else None
SECURE_HSTS_SECONDS = ENVIRONMENT.hsts_seconds if ENVIRONMENT.https else 0
SECURE_REDIRECT_EXEMPT = ["^livez$", "^readyz$", "^metrics$"]
SILENCED_SYSTEM_CHECKS = [
    "security.W005",  # whether HSTS is also for subdomains is decided by the owner of the domain, not here
    "security.W021",  # the same for the browsers' preload lists
    "security.W009",  # the length and variety of the key are checked with the other settings
]
X_FRAME_OPTIONS = "DENY"
UNFOLD = {"SITE_TITLE": "EasyAutoML ledger"}

# django-money. The token is not an ISO currency. Amounts have 8 decimal places, and `str()` must show those
# that are not zero instead of rounding to two.
moneyed.add_currency("EAML", None, sub_unit=100_000_000, name="EasyAutoML token")
CURRENCIES = ("USD", "EAML")
CURRENCY_CODE_MAX_LENGTH = 4
CURRENCY_DECIMAL_PLACES = 8
MONEY_FORMAT = {"currency_digits": False, "format": "#,##0.00###### ¤¤"}

MODEL_DECIMAL_FIELD_DEFAULT_MAX_DIGITS = 20
MODEL_DECIMAL_FIELD_DEFAULT_DECIMAL_PLACES = 8

# Modules that a lower layer calls without importing them.
EVENTS_PAYLOADS = "ledger.payloads"
LEDGER_POST = "ledger.orm"
LEDGER_INLINE_PROJECTIONS = ["projections.balances.project"]

LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["stderr"], "level": ENVIRONMENT.log_level},
    "loggers": {
        "kafka": {"level": "WARNING"},
        "uvicorn": {"level": "ERROR"},
    },  # what a client sends is no news
}

LEDGER_WEB_LIMITS = Limits(
    connections=ENVIRONMENT.connections_max,
    connections_per_address=ENVIRONMENT.connections_per_address_max,
    headers_seconds=ENVIRONMENT.headers_seconds,
    body_seconds=ENVIRONMENT.body_seconds,
    body_bytes_per_second=ENVIRONMENT.body_bytes_per_second_min,
    idle_seconds=ENVIRONMENT.idle_seconds,
    answer_seconds=ENVIRONMENT.answer_seconds,
    body_bytes=ENVIRONMENT.body_bytes_max,
    bodies_bytes=64 * ENVIRONMENT.body_bytes_max,
)
LEDGER_OCCURRED_AHEAD = ENVIRONMENT.occurred_ahead
LEDGER_OCCURRED_BACK = ENVIRONMENT.occurred_back
LEDGER_WAITING = ENVIRONMENT.waiting
LEDGER_SPENT_BY_PAYEE = ENVIRONMENT.spent_by_payee
LEDGER_ADJUST_TIERS: dict[Role, Tier] = {
    "staff": Tier(alone_max=ENVIRONMENT.adjust_alone_max, approve_max=ENVIRONMENT.adjust_approve_max),
    "super_admin": Tier(
        alone_max=ENVIRONMENT.super_admin_adjust_alone_max,
        approve_max=ENVIRONMENT.super_admin_adjust_approve_max,
    ),
}
