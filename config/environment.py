"""Every setting of the service, typed and read once from the environment.

Names are upper case in the environment: `LEDGER_SECRET_KEY`, `DATABASE_URL`. A secret may also be in a file,
whose path is in a variable of the same name with `_FILE` at its end. An unknown `LEDGER_*` name is refused,
so that a misspelt setting is not silently ignored.

`python -m config.environment` prints one line for each bad setting, and exits with status 2 if there is one.
"""

import os
import sys
from datetime import timedelta
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, AliasChoices, BeforeValidator, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)
from typing_extensions import override

from config import setting_values
from config.setting_values import describe, secrets_in_files, unknown_settings

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


_DAY: Final = 86400

Amount = Annotated[
    Decimal, Field(ge=0, le=Decimal("999999999999.99999999"), decimal_places=8, allow_inf_nan=False)
]
Seconds = Annotated[float, Field(gt=0, le=_DAY, allow_inf_nan=False)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(setting_values.check_database_url)]


class BadSettings(Exception):
    """Settings that cannot be used. `lines` says of each its name, its value, and the wanted one."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__("\n".join(lines))
        self.lines = lines


class _Variables(EnvSettingsSource):
    """Environment variables, and secrets in files."""

    @override
    def _load_env_vars(self) -> dict[str, str | None]:
        return {**super()._load_env_vars(), **secrets_in_files(Environment, os.environ)[0]}


class Environment(BaseSettings):
    """The settings. Durations are seconds, amounts are decimal strings."""

    model_config = SettingsConfigDict(
        env_prefix="LEDGER_", env_ignore_empty=True, frozen=True, extra="ignore", hide_input_in_errors=True
    )

    database_url: DatabaseUrl = Field(validation_alias="DATABASE_URL")
    """The service's own role: it may insert rows, and update only what is not append-only."""
    database_owner_url: DatabaseUrl | None = Field(
        default=None,
        validation_alias="DATABASE_OWNER_URL",
    )
    """The role that owns the tables, for migrations and grants. Default: the service's role."""
    kafka_bootstrap_servers: Annotated[str, AfterValidator(setting_values.check_servers)] = Field(
        default="127.0.0.1:9092",
        validation_alias=AliasChoices("KAFKA_BOOTSTRAP_SERVERS", "LEDGER_KAFKA_BOOTSTRAP_SERVERS"),
    )
    """`host:port`, or several separated by commas."""
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] | None = None
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ssl_cafile: Annotated[str | None, AfterValidator(setting_values.check_certificates)] = None
    kafka_ssl_check_hostname: bool = True
    kafka_group: Annotated[str, AfterValidator(setting_values.check_group)] = "easyautoml-ledger"
    kafka_partitions: int = Field(default=6, ge=1, le=10_000)
    kafka_replication_factor: int = Field(default=1, ge=1, le=100)

    secret_key: Annotated[SecretStr, AfterValidator(setting_values.check_secret_key)]
    """The key that signs sessions and page cursors. At least 32 characters."""
    debug: bool = False
    allowed_hosts: Annotated[
        list[str],
        NoDecode,
        BeforeValidator(setting_values.read_list),
        AfterValidator(setting_values.check_hosts),
    ] = ["localhost", "127.0.0.1", "[::1]"]
    csrf_trusted_origins: Annotated[
        list[str],
        NoDecode,
        BeforeValidator(setting_values.read_list),
        AfterValidator(setting_values.check_origins),
    ] = []
    https: bool = False
    """True if browsers reach the ledger over TLS only, through a proxy that sets `X-Forwarded-Proto`."""
    hsts_seconds: int = Field(default=365 * _DAY, ge=0, le=10 * 365 * _DAY)
    """The time that a browser remembers to use only TLS for this host. 0 sends no such header."""
    proxies: int = Field(default=0, ge=0, le=10)
    """The number of proxies in front, each of which appends its client's address to `X-Forwarded-For`."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"] = "INFO"

    waiting_seconds: float = Field(default=3600, gt=0, le=365 * _DAY, allow_inf_nan=False)
    """The time that a message waits for its user, machine, hold or payout before it is rejected."""
    occurred_ahead_seconds: float = Field(default=300, ge=0, le=365 * _DAY, allow_inf_nan=False)
    """The most that an operation's `occurred_at`, or reference data's `changed_at`, may be in the future."""
    occurred_back_seconds: float = Field(default=90 * _DAY, ge=0, le=100 * 365 * _DAY, allow_inf_nan=False)
    """The most that an operation may have occurred, and a machine's change may apply, before it arrives."""
    spent_by_payee: Literal["due", "loss"] = "due"
    """The treatment of reversed money that the payee has spent: they owe it, or the platform loses it."""
    adjust_alone_max: Amount = Decimal(1000)
    """The most a staff member may adjust alone per day and currency; above it a second person approves."""
    adjust_approve_max: Amount = Decimal(10_000)
    """The largest adjustment that a staff member may approve."""
    super_admin_adjust_alone_max: Amount = Decimal(10_000)
    """The most a super admin may adjust alone per day and currency."""
    super_admin_adjust_approve_max: Amount | None = None
    """The largest adjustment that a super admin may approve. Default: no limit."""
    shell_approves: bool = False
    """Allow `manage.py` to approve proposals and to replay mended dead letters, not only to make them."""
    lock_timeout_shared_ms: int = Field(default=250, ge=1, le=600_000)
    """The longest that a transaction shared by several commands waits for a lock, in milliseconds."""
    lock_timeout_alone_ms: int = Field(default=2000, ge=1, le=600_000)
    """The longest that a command posted alone waits for a lock, in milliseconds; then it is `busy`."""
    ingest_batch: int = Field(default=1000, ge=1, le=5000)
    """The most messages that a worker reads from Kafka at once."""
    body_bytes_max: int = Field(default=4 * 1024 * 1024, ge=1024, le=256 * 1024 * 1024)
    """The largest HTTP body that the server accepts."""
    connections_max: int = Field(default=1000, ge=1, le=20_000)
    """The most open connections to the web server, all its processes together."""
    connections_per_address_max: int = Field(default=100, ge=0, le=20_000)
    """The most open connections from one IP address. 0 is no limit, for use behind a proxy."""
    headers_seconds: Seconds = 10
    """The longest that the headers of a request may take to arrive."""
    body_seconds: Seconds = 30
    """The longest that the body of a request may take to arrive."""
    body_bytes_per_second_min: int = Field(default=1024, ge=0, le=1024 * 1024 * 1024)
    """The slowest rate at which a body may arrive, measured over 5 seconds."""
    idle_seconds: Seconds = 30
    """The longest that a connection may stay open without a request."""
    answer_seconds: Seconds = 60
    """The longest that an answer may take to be made, and a client may take to read it."""

    web_concurrency: int | None = Field(default=None, ge=1, le=64, validation_alias="WEB_CONCURRENCY")
    """The number of the web server's processes. Default: one for two processors, at most four."""

    @override
    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *_: Any, **__: Any
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (_Variables(settings_cls),)

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
    """Return the settings of this process. Raises `BadSettings` with every setting that cannot be used."""
    lines = unknown_settings(Environment, os.environ, others=_READ_ELSEWHERE)
    lines += secrets_in_files(Environment, os.environ)[1]
    try:
        found = Environment()  # pyright: ignore[reportCallIssue]
    except ValidationError as error:
        lines += [describe(Environment, each, os.environ) for each in error.errors()]
    else:
        lines += setting_values.check_sasl(found)
        if not lines:
            return found
    raise BadSettings(lines)


def read_or_exit() -> Environment:
    """Return the settings, or print a line for each bad one and exit with status 2."""
    try:
        return read_environment()
    except BadSettings as error:
        for line in error.lines:
            print(line, file=sys.stderr)  # noqa: T201 - there is no log before the settings
        sys.exit(2)


if __name__ == "__main__":
    read_or_exit()
