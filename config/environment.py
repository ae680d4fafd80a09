"""Every setting of the service, typed, read once from the environment.

Names are upper case in the environment: `LEDGER_SECRET_KEY`, `DATABASE_URL`. An unknown `LEDGER_*`
name is refused, because a misspelt setting that is silently ignored is found too late.
"""

import os
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Literal
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import AliasChoices, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

# Read by the programs that start servers and by the tests, never by the service itself.
_READ_ELSEWHERE = frozenset(
    {
        "LEDGER_STATE_DIR",
        "LEDGER_WEB_PORT",
        "LEDGER_WEB_HOST",
        "LEDGER_POSTGRES_PORT",
        "LEDGER_KAFKA_PORT",
        "LEDGER_TEST_KAFKA",
    },
)


class UnknownSetting(Exception):
    """A `LEDGER_*` name in the environment that no setting has."""


class Environment(BaseSettings):
    """The settings. Durations are seconds, amounts are decimal strings."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    """The service's own role: it may insert, and update only what is no record."""
    database_owner_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_OWNER_URL",
    )
    """The role that owns the tables: migrations, grants. Without it the service's role does both."""
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092",
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "LEDGER_KAFKA_BOOTSTRAP_SERVERS"),
    )
    """`host:port`, several separated by commas."""
    kafka_security_protocol: str = "PLAINTEXT"
    kafka_sasl_mechanism: str | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: str | None = None
    kafka_ssl_check_hostname: bool = True
    kafka_group: str = "easyautoml-ledger"
    kafka_partitions: int = Field(default=6, ge=1)
    kafka_replication_factor: int = Field(default=1, ge=1)

    secret_key: SecretStr
    """Signs sessions and page cursors. At least 32 characters."""
    debug: bool = False
    allowed_hosts: list[str] = ["localhost", "127.0.0.1", "[::1]"]
    csrf_trusted_origins: list[str] = []
    log_level: str = "INFO"

    waiting_seconds: float = Field(default=3600, gt=0)
    """How long a message waits for its user or machine before it is rejected."""
    occurred_ahead_seconds: float = Field(default=300, ge=0)
    """How far ahead of the ledger's clock an operation may claim to have occurred."""
    occurred_back_seconds: float = Field(default=90 * 86400, ge=0)
    """How long ago an operation may have occurred."""
    spent_by_payee: Literal["due", "loss"] = "due"
    """What becomes of reversed money that its payee has already spent: he owes it, or it is lost."""
    adjust_alone_max: Decimal = Field(default=Decimal(1000), ge=0)
    """What one of the staff may adjust alone in a day, per currency; above it a second one approves."""
    adjust_approve_max: Decimal = Field(default=Decimal(10_000), ge=0)
    """The highest adjustment that one of the staff may approve."""
    super_admin_adjust_alone_max: Decimal = Field(default=Decimal(10_000), ge=0)
    """What a super admin may adjust alone in a day, per currency."""
    super_admin_adjust_approve_max: Decimal | None = Field(default=None, ge=0)
    """The highest adjustment that a super admin may approve; without it, any."""
    ingest_batch: int = Field(default=1000, ge=1, le=5000)
    """Messages taken from Kafka at once."""
    body_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1024)
    """The largest HTTP body that is read."""

    @cached_property
    def occurred_ahead(self) -> timedelta:
        return timedelta(seconds=self.occurred_ahead_seconds)

    @cached_property
    def waiting(self) -> timedelta:
        return timedelta(seconds=self.waiting_seconds)

    @cached_property
    def occurred_back(self) -> timedelta:
        return timedelta(seconds=self.occurred_back_seconds)


def read_environment() -> Environment:
    """The settings of this process. Raises `UnknownSetting` for a `LEDGER_*` name that is none."""
    known = {f"LEDGER_{name}".upper() for name in Environment.model_fields} | _READ_ELSEWHERE
    unknown = sorted(name for name in os.environ if name.startswith("LEDGER_") and name not in known)
    if unknown:
        raise UnknownSetting(f"unknown setting in the environment: {', '.join(unknown)}")
    return Environment()  # pyright: ignore[reportCallIssue]


def database(url: str) -> dict[str, Any]:
    """Django's `DATABASES` entry for a `postgresql://user:password@host:port/name?option=…` URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise UnknownSetting(f"DATABASE_URL must be a postgresql:// URL, not {parts.scheme or 'nothing'}://")
    options: dict[str, Any] = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", None) or unquote(parts.hostname or ""),
        "PORT": str(options.pop("port", None) or parts.port or ""),
        "CONN_MAX_AGE": 300,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": options,
    }
