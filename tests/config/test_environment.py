"""Every bad setting is one line at the start, with its name, its value and the wanted one."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest

from config import VERSION
from config.environment import BadSettings, Environment, read_environment
from config.setting_values import database
from stack.state import PROJECT

GOOD: Final = {
    "DATABASE_URL": "postgresql://service:a-password@127.0.0.1:9/ledger",
    "LEDGER_SECRET_KEY": "only-for-tests-" + "0" * 32,
}

BAD: Final = [
    ("LEDGER_SECRET_KEY", "short", "has 5 characters, 5 different ones, and must be random"),
    ("LEDGER_SECRET_KEY", "a" * 64, "has 64 characters, 1 different ones, and must be random and at least"),
    ("LEDGER_OCCURRED_BACK_SECONDS", "99999999999", "must be a number of at least 0 and at most 3,153,600"),
    ("LEDGER_OCCURRED_AHEAD_SECONDS", "99999999999", "must be a number of at least 0 and at most 31,536,000"),
    ("LEDGER_WAITING_SECONDS", "nan", "must be a number above 0 and at most 31,536,000"),
    ("LEDGER_ANSWER_SECONDS", "inf", "must be a number above 0 and at most 86,400"),
    ("LEDGER_ALLOWED_HOSTS", "host", "must be a JSON list of strings"),
    ("LEDGER_ALLOWED_HOSTS", '["https://host"]', "must be host names without scheme and port"),
    ("LEDGER_ALLOWED_HOSTS", '["host:8000"]', "must be host names without scheme and port"),
    ("LEDGER_CSRF_TRUSTED_ORIGINS", '["host"]', "must be origins with their scheme"),
    ("LEDGER_LOG_LEVEL", "info", "must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL"),
    ("LEDGER_DEBUG", "maybe", "must be true or false"),
    ("LEDGER_HTTPS", "443", "must be true or false"),
    ("LEDGER_INGEST_BATCH", "many", "must be a whole number of at least 1 and at most 5,000"),
    ("LEDGER_LOCK_TIMEOUT_ALONE_MS", "99999999999", "must be a whole number of at least 1 and at most"),
    ("LEDGER_BODY_BYTES_MAX", "1e12", "must be a whole number of at least 1,024 and at most"),
    ("LEDGER_SPENT_BY_PAYEE", "them", "must be one of due, loss"),
    ("LEDGER_ADJUST_ALONE_MAX", "NaN", "must be a number of at least 0 and at most 999,999,999,999.99999999"),
    ("LEDGER_ADJUST_APPROVE_MAX", "0.000000001", "must be a number of at least 0 and at most"),
    ("LEDGER_SUPER_ADMIN_ADJUST_APPROVE_MAX", "-1", "must be a number of at least 0 and at most"),
    ("LEDGER_KAFKA_PARTITIONS", "99999999999", "must be a whole number of at least 1 and at most 10,000"),
    ("LEDGER_KAFKA_GROUP", "a group", "must be 1 to 200 letters, digits, dots, dashes or underscores"),
    ("LEDGER_KAFKA_SECURITY_PROTOCOL", "TLS", "must be one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL"),
    ("LEDGER_KAFKA_SASL_MECHANISM", "MD5", "must be one of PLAIN, SCRAM-SHA-256, SCRAM-SHA-512"),
    ("LEDGER_KAFKA_SSL_CAFILE", "/none.pem", "must be a readable PEM file with CA certificates"),
    ("KAFKA_BOOTSTRAP_SERVERS", "kafka", "must be host:port, or several separated by commas"),
    ("KAFKA_BOOTSTRAP_SERVERS", "kafka:99999", "must be host:port, or several separated by commas"),
    ("LEDGER_KAFKA_BOOTSTRAP_SERVERS", "kafka", "must be host:port, or several separated by commas"),
    ("DATABASE_URL", "nonsense", "must be postgresql://user:password@host:port/name"),
    ("DATABASE_URL", "mysql://a@b/c", "must be postgresql://user:password@host:port/name"),
    ("DATABASE_URL", "postgresql://a@b:x/c", "must be postgresql://user:password@host:port/name (Port could"),
    ("DATABASE_URL", "postgresql://a@b/c?colour=red", "with options of PostgreSQL's clients (invalid dsn"),
    ("DATABASE_OWNER_URL", "postgresql://a@b", "must be postgresql://user:password@host:port/name"),
    ("WEB_CONCURRENCY", "0", "must be a whole number of at least 1 and at most 64"),
    ("LEDGER_LOGLEVEL", "INFO", "is set, and is no setting: did you mean LEDGER_LOG_LEVEL?"),
    ("LEDGER_LOG_LEVEL_FILE", "/x", "is set, and is no setting: did you mean LEDGER_LOG_LEVEL?"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _only_good_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("LEDGER_", "DATABASE_", "KAFKA_", "WEB_CONCURRENCY")):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def _lines() -> list[str]:
    with pytest.raises(BadSettings) as found:
        read_environment()
    return found.value.lines


@pytest.mark.parametrize(("name", "value", "wanted"), BAD)
def test_a_bad_setting_is_one_line(
    name: str, value: str, wanted: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the name as it is set, the value unless it is a secret, and the wanted one."""
    monkeypatch.setenv(name, value)
    (line,) = _lines()
    assert line.startswith(f"{name} ")
    assert wanted in line
    assert "\n" not in line


def test_all_bad_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Together with those that are missing and those that do not exist."""
    monkeypatch.delenv("LEDGER_SECRET_KEY")
    monkeypatch.setenv("LEDGER_LOG_LEVEL", "info")
    monkeypatch.setenv("LEDGER_NOTHING_LIKE_IT", "1")
    assert _lines() == [
        "LEDGER_NOTHING_LIKE_IT is set, and is no setting; docs/running.md lists all of them",
        "LEDGER_SECRET_KEY is not set, and must be random and at least 32 characters long",
        "LEDGER_LOG_LEVEL is 'info', and must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL",
    ]


@pytest.mark.parametrize(
    "url", ["postgresql://a:hunter2@b:x/c", "mysql://a:hunter2@b/c", "a:hunter2@b", "postgresql://b?password=hunter2"]
)  # fmt: skip
def test_no_password_is_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """However wrong the URL is."""
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("LEDGER_SECRET_KEY", "hunter2")
    assert "hunter2" not in " ".join(_lines())


def test_the_settings_of_sasl_belong_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """None of them without its protocol, and all of them with it."""
    monkeypatch.setenv("LEDGER_KAFKA_SASL_USERNAME", "ledger")
    (line,) = _lines()
    assert line == (
        "LEDGER_KAFKA_SASL_USERNAME is set, and LEDGER_KAFKA_SECURITY_PROTOCOL is PLAINTEXT, "
        "and must be SASL_PLAINTEXT or SASL_SSL"
    )
    monkeypatch.setenv("LEDGER_KAFKA_SECURITY_PROTOCOL", "SASL_SSL")
    assert [line.split()[0] for line in _lines()] == [
        "LEDGER_KAFKA_SASL_MECHANISM",
        "LEDGER_KAFKA_SASL_PASSWORD",
    ]


def test_a_secret_may_be_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its last line break does not belong to it."""
    file = tmp_path / "url"
    file.write_text("postgresql://service:from-a-file@127.0.0.1:9/ledger\n")
    monkeypatch.delenv("DATABASE_URL")
    monkeypatch.setenv("DATABASE_URL_FILE", str(file))
    found = read_environment().database_url.get_secret_value()
    assert found == "postgresql://service:from-a-file@127.0.0.1:9/ledger"
    file.write_text("nonsense")
    assert _lines() == [
        f"the content of {file} (DATABASE_URL_FILE) must be postgresql://user:password@host:port/name"
    ]
    monkeypatch.setenv("DATABASE_URL", GOOD["DATABASE_URL"])
    assert _lines() == [f"DATABASE_URL_FILE is '{file}', and must not be set because DATABASE_URL is set too"]
    monkeypatch.delenv("DATABASE_URL")
    file.unlink()
    assert _lines()[0] == (
        f"DATABASE_URL_FILE is '{file}', and must be a readable file with the value "
        "(No such file or directory)"
    )


def test_an_empty_setting_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    """A .env file may have empty settings."""
    for field in Environment.model_fields:
        monkeypatch.setenv(f"LEDGER_{field}".upper() if field != "web_concurrency" else "WEB_CONCURRENCY", "")
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("LEDGER_DATABASE_URL")
    monkeypatch.delenv("LEDGER_DATABASE_OWNER_URL")
    monkeypatch.delenv("LEDGER_WEB_CONCURRENCY", raising=False)
    assert read_environment().log_level == "INFO"


def test_options_of_a_database_url_are_passed_on() -> None:
    """Host and port among them replace those of the address."""
    entry = database("postgresql://u:p%40ss@/name?host=/run/postgresql&port=5433&sslmode=require")
    assert (entry["NAME"], entry["PASSWORD"], entry["HOST"], entry["PORT"]) == (
        "name",
        "p@ss",
        "/run/postgresql",
        "5433",
    )
    assert entry["OPTIONS"]["sslmode"] == "require"
    assert "host" not in entry["OPTIONS"]


@pytest.mark.parametrize(
    "command",
    [
        ("manage.py", "verify"),
        ("manage.py", "ingest"),
        ("manage.py", "check_settings"),
        ("-m", "gunicorn", "config.wsgi"),
        ("-m", "config.environment"),
    ],
)
def test_every_program_ends_before_it_starts_anything(command: tuple[str, ...]) -> None:
    """With status 2, and nothing but the line."""
    done = subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **GOOD, "LEDGER_LOG_LEVEL": "info"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    line = "LEDGER_LOG_LEVEL is 'info', and must be one of DEBUG, INFO, WARNING, ERROR, CRITICAL\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", line)


def test_a_ledger_behind_tls_passes_djangos_deployment_checks() -> None:
    """Cookies are secure, plain HTTP is sent on, and HSTS is on."""
    done = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], **GOOD, "LEDGER_HTTPS": "true"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_the_version_is_that_of_the_project() -> None:
    """On the command line, where it needs no settings."""
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    assert project["version"] == VERSION
    done = subprocess.run(
        [sys.executable, "manage.py", "--version"],
        cwd=PROJECT,
        env={"PATH": os.environ["PATH"], "LEDGER_STATE_DIR": "/nowhere"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"easyautoml-ledger {VERSION} (Django ")
