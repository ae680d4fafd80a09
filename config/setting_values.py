"""Checks of single settings, and the one line that says why one cannot be used.

A validator raises `ValueError` with what is wanted: "must be …" is written by `describe`.
"""

import json
import re
import ssl
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from types import NoneType
from typing import Any, Final, Literal, Protocol, get_args, get_origin
from urllib.parse import parse_qsl, unquote, urlsplit

import annotated_types
from psycopg2 import ProgrammingError
from psycopg2.extensions import make_dsn
from pydantic import AliasChoices, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings

_SECRET_MIN: Final = 32
_SECRET_DIFFERENT_MIN: Final = 5
_FILE_BYTES_MAX: Final = 64 * 1024
_HOST: Final = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_SERVER: Final = re.compile(r"(?:[^\s:/,\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
_ORIGIN: Final = re.compile(r"https?://(\*\.)?[A-Za-z0-9_.\[\]:-]+")
_GROUP: Final = re.compile(r"[A-Za-z0-9._-]{1,200}")

# A server that does not answer is given up within three seconds, so that no request is kept waiting. One
# that runs a long statement does answer: its system acknowledges what is sent to it.
_NETWORK: Final = {
    "connect_timeout": "2",
    "tcp_user_timeout": "3000",
    "keepalives_idle": "1",
    "keepalives_interval": "1",
    "keepalives_count": "2",
}


class SaslSettings(Protocol):
    """The settings that depend on each other."""

    @property
    def kafka_security_protocol(self) -> str: ...
    @property
    def kafka_sasl_mechanism(self) -> str | None: ...
    @property
    def kafka_sasl_username(self) -> str | None: ...
    @property
    def kafka_sasl_password(self) -> SecretStr | None: ...


def database(url: str) -> dict[str, Any]:
    """Return Django's `DATABASES` entry for a `postgresql://user:password@host:port/name?option=…` URL.

    Raises `ValueError`.
    """
    parts = urlsplit(url)
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


def check_database_url(url: SecretStr) -> SecretStr:
    """Return the URL of a PostgreSQL database. Raises `ValueError`."""
    wanted = "postgresql://user:password@host:port/name"
    given = url.get_secret_value()
    try:
        found = database(given)
    except ValueError as error:
        raise ValueError(f"{wanted} ({error})") from error
    if urlsplit(given).scheme not in {"postgres", "postgresql"} or not found["NAME"]:
        raise ValueError(wanted)
    try:
        make_dsn(**found["OPTIONS"])
    except ProgrammingError as error:
        raise ValueError(f"{wanted} with options of PostgreSQL's clients ({_first_line(error)})") from error
    return url


def check_secret_key(key: SecretStr) -> SecretStr:
    """Return a key that is long and varied enough. Raises `ValueError`."""
    given = key.get_secret_value()
    if len(given) < _SECRET_MIN or len(set(given)) < _SECRET_DIFFERENT_MIN:
        raise ValueError(
            f"random and at least {_SECRET_MIN} characters long: "
            "python3 -c 'import secrets; print(secrets.token_hex(32))'"
        )
    return key


def check_servers(servers: str) -> str:
    """Return addresses of brokers. Raises `ValueError`."""
    found = [_SERVER.fullmatch(server) for server in servers.split(",")]
    if not all(server and 1 <= int(server[1]) <= 65535 for server in found):
        raise ValueError("host:port, or several separated by commas without spaces")
    return servers


def check_certificates(path: str | None) -> str | None:
    """Return the path of a file with CA certificates. Raises `ValueError`."""
    if path is not None:
        try:
            ssl.create_default_context(cafile=path)
        except (OSError, ValueError) as error:
            raise ValueError(f"a readable PEM file with CA certificates ({error})") from error
    return path


def check_group(name: str) -> str:
    """Return the name of a consumer group. Raises `ValueError`."""
    if not _GROUP.fullmatch(name):
        raise ValueError("1 to 200 letters, digits, dots, dashes or underscores")
    return name


def read_list(given: Any) -> Any:
    """Return the strings of a JSON list. Raises `ValueError`."""
    wanted = """a JSON list of strings: '["one", "two"]'"""
    try:
        found = json.loads(given) if isinstance(given, str) else given
    except ValueError as error:
        raise ValueError(wanted) from error
    if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
        raise ValueError(wanted)
    return found


def check_hosts(hosts: list[str]) -> list[str]:
    """Return names of hosts as Django compares them. Raises `ValueError`."""
    if not hosts or not all(_HOST.fullmatch(host) for host in hosts):
        raise ValueError("""host names without scheme and port: '["ledger.example.com"]'""")
    return hosts


def check_origins(origins: list[str]) -> list[str]:
    """Return origins with their scheme. Raises `ValueError`."""
    if not all(_ORIGIN.fullmatch(origin) for origin in origins):
        raise ValueError("""origins with their scheme: '["https://ledger.example.com"]'""")
    return origins


def check_sasl(settings: SaslSettings) -> list[str]:
    """Return a line for each setting of SASL that is missing, or set while the protocol has none."""
    protocol = settings.kafka_security_protocol
    lines = []
    for name in ("mechanism", "username", "password"):
        is_set = getattr(settings, f"kafka_sasl_{name}") is not None
        setting = f"LEDGER_KAFKA_SASL_{name.upper()}"
        if protocol.startswith("SASL_") and not is_set:
            lines.append(
                f"{setting} is not set, and must be set if LEDGER_KAFKA_SECURITY_PROTOCOL is {protocol}"
            )
        elif is_set and not protocol.startswith("SASL_"):
            lines.append(
                f"{setting} is set, and LEDGER_KAFKA_SECURITY_PROTOCOL is {protocol}, "
                "and must be SASL_PLAINTEXT or SASL_SSL"
            )
    return lines


def unknown_settings(
    model: type[BaseSettings], environ: Mapping[str, str], *, others: Collection[str]
) -> list[str]:
    """Return a line for each `LEDGER_*` variable that is no setting. `others` are read elsewhere."""
    names = {name for field in model.model_fields for name in _names(model, field)}
    known = names | {f"{name}_FILE" for name in names if _is_secret(model, name)} | set(others)
    lines = []
    for name in sorted(name for name in environ if name.startswith("LEDGER_") and name not in known):
        similar = get_close_matches(name, sorted(known), n=1, cutoff=0.8)
        lines.append(
            f"{name} is set, and is no setting"
            + (f": did you mean {similar[0]}?" if similar else "; docs/running.md lists all of them")
        )
    return lines


def secrets_in_files(
    model: type[BaseSettings], environ: Mapping[str, str]
) -> tuple[dict[str, str], list[str]]:
    """Return the secrets in the files of `NAME_FILE` variables, by lower-case name, and a line per error."""
    found: dict[str, str] = {}
    lines = []
    for name in (name for field in model.model_fields for name in _names(model, field)):
        path = environ.get(f"{name}_FILE")
        if not path or not _is_secret(model, name):
            continue
        if environ.get(name):
            lines.append(f"{name}_FILE is {path!r}, and must not be set because {name} is set too")
            continue
        try:
            with open(path, encoding="utf-8") as file:  # noqa: PTH123 - a path with a NUL is an error here too
                found[name.lower()] = file.read(_FILE_BYTES_MAX).rstrip("\r\n")
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            lines.append(f"{name}_FILE is {path!r}, and must be a readable file with the value ({reason})")
    return found, lines


def describe(model: type[BaseSettings], error: ErrorDetails, environ: Mapping[str, str]) -> str:
    """Return one line about a setting: its name as it is set, its value, and the wanted one."""
    first = str(error["loc"][0])
    field = next(field for field in model.model_fields if first.lower() in {field, *_lower(model, field)})
    info = model.model_fields[field]
    name = next((name for name in _names(model, field) if environ.get(name)), _names(model, field)[0])
    from_file = _is_secret(model, name) and environ.get(f"{name}_FILE")
    context = error.get("ctx", {})
    wanted = str(context["error"]) if error["type"] == "value_error" else _wanted(info)
    if error["type"] == "missing":
        return f"{name} is not set, and must be {_example(name, wanted)}"
    if from_file:
        return f"the content of {from_file} ({name}_FILE) must be {wanted}"
    return f"{name} {_shown(name, environ.get(name, ''))}, and must be {wanted}"


def _example(name: str, wanted: str) -> str:
    examples = {
        "DATABASE_URL": "postgresql://user:password@host:port/name",
        "LEDGER_SECRET_KEY": f"random and at least {_SECRET_MIN} characters long",
    }
    return examples.get(name, wanted)


def _shown(name: str, value: str) -> str:
    """Return the value as far as it is no secret."""
    if "URL" in name:
        hidden = re.sub(r"(://|^)[^/]*@", r"\1…@", value)
        return f"is {re.sub('password=[^&]*', 'password=…', hidden)!r}"
    if "SECRET" in name or "PASSWORD" in name:
        return f"has {len(value)} characters, {len(set(value))} different ones"
    return f"is {value!r}"


def _wanted(info: FieldInfo) -> str:
    """Return the values of a field in words."""
    kinds = [kind for kind in get_args(info.annotation) or (info.annotation,) if kind is not NoneType]
    if get_origin(info.annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(info.annotation)))}"
    if get_origin(kinds[0]) is Literal:
        return f"one of {', '.join(map(str, get_args(kinds[0])))}"
    metadata = [*info.metadata, *getattr(kinds[0], "__metadata__", ())]
    metadata = [each for known in metadata for each in getattr(known, "metadata", (known,))]
    bounds = [
        f"{words} {getattr(each, attribute):,}"
        for kind, attribute, words in (
            (annotated_types.Ge, "ge", "of at least"),
            (annotated_types.Gt, "gt", "above"),
            (annotated_types.Le, "le", "at most"),
        )
        for each in metadata
        if isinstance(each, kind)
    ]
    annotation = getattr(kinds[0], "__origin__", kinds[0])
    word = {bool: "true or false", int: "a whole number", str: "text"}.get(annotation, "a number")
    return f"{word} {' and '.join(bounds)}".rstrip()


def _names(model: type[BaseSettings], field: str) -> list[str]:
    """Return the names of a field in the environment, the preferred one first."""
    alias = model.model_fields[field].validation_alias
    if isinstance(alias, AliasChoices):
        return [str(choice) for choice in alias.choices]
    return [alias] if isinstance(alias, str) else [f"LEDGER_{field}".upper()]


def _lower(model: type[BaseSettings], field: str) -> set[str]:
    return {name.lower() for name in _names(model, field)}


def _is_secret(model: type[BaseSettings], name: str) -> bool:
    (info,) = (model.model_fields[field] for field in model.model_fields if name in _names(model, field))
    return SecretStr in {info.annotation, *get_args(info.annotation)} or "SecretStr" in str(info.annotation)


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
