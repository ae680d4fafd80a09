"""Every setting of the service, typed and read once from the environment.

Names are upper case in the environment: `LEDGER_SECRET_KEY`, `DATABASE_URL`. An unknown `LEDGER_*` name is
refused, so that a misspelt setting is not silently ignored.
"""

import os
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Any, Final, Literal
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
    """A setting in the environment that does not exist or cannot be used."""


class Environment(BaseSettings):
    """The settings. Durations are seconds, amounts are decimal strings."""

    model_config = SettingsConfigDict(env_prefix="LEDGER_", frozen=True, extra="ignore")

    database_url: SecretStr = Field(validation_alias="DATABASE_URL")
    """The service's own role: it may insert rows, and update only what is not append-only."""
    database_owner_url: SecretStr | None = Field(
        default=None,
        validation_alias="DATABASE_OWNER_URL",
    )
    """The role that owns the tables, for migrations and grants. Default: the service's role."""
    kafka_bootstrap_servers: str = Field(
        default="127.0.0.1:9092",
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "LEDGER_KAFKA_BOOTSTRAP_SERVERS"),
    )
    """`host:port`, or several separated by commas."""
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
    """The key that signs sessions and page cursors. At least 32 characters."""
    debug: bool = False
    allowed_hosts: list[str] = ["localhost", "127.0.0.1", "[::1]"]
    csrf_trusted_origins: list[str] = []
    log_level: str = "INFO"

    waiting_seconds: float = Field(default=3600, gt=0)
    """The time that a message waits for its user, machine, hold or payout before it is rejected."""
    occurred_ahead_seconds: float = Field(default=300, ge=0)
    """The most that an operation's `occurred_at`, or reference data's `changed_at`, may be in the future."""
    occurred_back_seconds: float = Field(default=90 * 86400, ge=0)
    """The most that an operation may have occurred, and a machine's change may apply, before it arrives."""
    spent_by_payee: Literal["due", "loss"] = "due"
    """The treatment of reversed money that the payee has spent: they owe it, or the platform loses it."""
    adjust_alone_max: Decimal = Field(default=Decimal(1000), ge=0)
    """The most a staff member may adjust alone per day and currency; above it a second person approves."""
    adjust_approve_max: Decimal = Field(default=Decimal(10_000), ge=0)
    """The largest adjustment that a staff member may approve."""
    super_admin_adjust_alone_max: Decimal = Field(default=Decimal(10_000), ge=0)
    """The most a super admin may adjust alone per day and currency."""
    super_admin_adjust_approve_max: Decimal | None = Field(default=None, ge=0)
    """The largest adjustment that a super admin may approve. Default: no limit."""
    lock_timeout_shared_ms: int = Field(default=250, ge=1)
    """The longest that a transaction shared by several commands waits for a lock, in milliseconds."""
    lock_timeout_alone_ms: int = Field(default=2000, ge=1)
    """The longest that a command posted alone waits for a lock, in milliseconds; then it is `busy`."""
    ingest_batch: int = Field(default=1000, ge=1, le=5000)
    """The most messages that a worker reads from Kafka at once."""
    body_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1024)
    """The largest HTTP body that the server accepts."""
    connections_max: int = Field(default=1000, ge=1, le=20_000)
    """The most open connections to the web server, all its processes together."""
    connections_per_address_max: int = Field(default=100, ge=0)
    """The most open connections from one IP address. 0 is no limit, for use behind a proxy."""
    headers_seconds: float = Field(default=10, gt=0)
    """The longest that the headers of a request may take to arrive."""
    body_seconds: float = Field(default=30, gt=0)
    """The longest that the body of a request may take to arrive."""
    body_bytes_per_second_min: int = Field(default=1024, ge=0)
    """The slowest rate at which a body may arrive, measured over 5 seconds."""
    idle_seconds: float = Field(default=30, gt=0)
    """The longest that a connection may stay open without a request."""
    answer_seconds: float = Field(default=60, gt=0)
    """The longest that an answer may take to be made, and a client may take to read it."""

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
    """Return the settings of this process. Raises `UnknownSetting` for an unknown `LEDGER_*` name."""
    known = {f"LEDGER_{name}".upper() for name in Environment.model_fields} | _READ_ELSEWHERE
    unknown = sorted(name for name in os.environ if name.startswith("LEDGER_") and name not in known)
    if unknown:
        raise UnknownSetting(f"unknown setting in the environment: {', '.join(unknown)}")
    return Environment()  # pyright: ignore[reportCallIssue]


# A server that does not answer is given up within three seconds, so that no request is kept waiting. One
# that runs a long statement does answer: its system acknowledges what is sent to it.
_NETWORK: Final = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "2",
}


def database(url: str) -> dict[str, Any]:
    """Return Django's `DATABASES` entry for a `postgresql://user:password@host:port/name?option=…` URL."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        raise UnknownSetting(f"DATABASE_URL must be a postgresql:// URL, not {parts.scheme or 'nothing'}://")
    options: dict[str, Any] = {**_NETWORK, **dict(parse_qsl(parts.query))}
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
