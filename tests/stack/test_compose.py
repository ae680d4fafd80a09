"""The container files, checked without a container engine."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from stack import Stack
from stack.ports import wait_until
from stack.postgres import DATABASE, OWNER, SERVICE
from stack.state import PROJECT
from stack.workers import programs

_COMPOSE = (PROJECT / "docker-compose.yml").read_text()
_DOCKERFILE = (PROJECT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def services() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(_COMPOSE)["services"]
    return found


def test_no_password_is_in_the_file() -> None:
    """Every secret comes from the environment, and the start fails without it."""
    for line in _COMPOSE.splitlines():
        for name in re.findall(r"(?:PASSWORD|SECRET_KEY): +(\S+)", line):
            assert name.startswith("${") or name == '""', line
    required = set(re.findall(r"\$\{(\w+):\?", _COMPOSE))
    assert required == {"POSTGRES_OWNER_PASSWORD", "POSTGRES_SERVICE_PASSWORD", "LEDGER_SECRET_KEY"}
    assert "postgresql://ledger_service:${POSTGRES_SERVICE_PASSWORD:?fill in .env}@" in _COMPOSE


def test_the_example_names_every_variable_and_gives_no_secret() -> None:
    """Required variables are empty, and the others have their default."""
    lines = (PROJECT / ".env.example").read_text().splitlines()
    example = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    wanted = dict(re.findall(r"\$\{(\w+):(?:\?[^}]*|-([^}]*))\}", _COMPOSE))
    assert example == wanted


def test_every_worker_has_a_container(services: dict[str, Any]) -> None:
    """The programs are those of `make run`, and start after setup."""
    assert set(services) == {"postgres", "kafka", "setup", *programs({})}
    for name, program in programs({}).items():
        if name != "web":
            assert services[name]["command"] == ["python", "manage.py", *program.argv[2:]]
        assert services[name]["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    # It creates the topics too.
    assert services["setup"]["command"] == ["python", "manage.py", "setup"]
    assert set(services["setup"]["depends_on"]) == {"postgres", "kafka"}


def test_the_web_container_runs_the_same_server() -> None:
    """Its arguments are those of `make run`, except for the address and the heartbeat directory."""
    command = re.search(r"^CMD \[(.*)\]$", _DOCKERFILE, re.MULTILINE)
    assert command is not None
    in_image = [part.strip().strip('"') for part in command[1].split(",")]
    here = list(programs({"LEDGER_WEB_HOST": "0.0.0.0"})["web"].argv)
    assert in_image == ["python", *here[1:], "--worker-tmp-dir", "/dev/shm"]


def test_only_setup_has_the_owners_password(services: dict[str, Any]) -> None:
    """The roles are those of the embedded server."""
    for name in programs({}):
        assert "DATABASE_OWNER_URL" not in services[name]["environment"]
        assert services[name]["environment"]["DATABASE_URL"].startswith(f"postgresql://{SERVICE}:")
        assert services[name]["environment"]["DATABASE_URL"].endswith(f"/{DATABASE}")
    assert services["setup"]["environment"]["DATABASE_OWNER_URL"].startswith(f"postgresql://{OWNER}:")
    assert services["postgres"]["environment"]["POSTGRES_USER"] == OWNER
    script = PROJECT / "stack" / "compose" / "service-role.sh"
    assert f"create role {SERVICE} login" in script.read_text()
    assert script.stat().st_mode & 0o111


def test_servers_have_health_checks_and_local_ports_only(services: dict[str, Any]) -> None:
    """No port is open to the network."""
    for name in ("postgres", "kafka", "web"):
        assert services[name]["healthcheck"]["test"][0] == "CMD"
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert len(ports) == 2
    assert all(re.match(r"\$\{\w+_LISTEN_ADDRESS:-127\.0\.0\.1\}:", port) for port in ports)


def test_every_process_has_a_health_check_and_limits(services: dict[str, Any]) -> None:
    """Workers by their heartbeats, the web server by its readiness; logs and memory are limited."""
    for name in programs({}):
        test = services[name]["healthcheck"]["test"]
        expected = ["CMD", "python", "manage.py", "worker_health", name]
        assert test == expected or (name == "web" and "/readyz" in test[-1])
    for name, service in services.items():
        assert service["mem_limit"], name
        assert service["logging"]["options"].keys() == {"max-size", "max-file"}, name


def test_servers_have_time_to_stop(services: dict[str, Any]) -> None:
    """Ten seconds, the default, end PostgreSQL and Kafka in the middle of it."""
    assert {services[name]["stop_grace_period"] for name in ("postgres", "kafka")} == {"2m"}
    for name, program in programs({}).items():
        assert int(services[name]["stop_grace_period"].rstrip("s")) > program.stop_seconds


def test_every_setting_reaches_the_containers(services: dict[str, Any]) -> None:
    """By the file .env, which holds no password that a container of the ledger then has."""
    for name in programs({}):
        assert services[name]["env_file"] == [{"path": ".env", "required": False}]
        for password in ("POSTGRES_OWNER_PASSWORD", "POSTGRES_SERVICE_PASSWORD"):
            assert services[name]["environment"][password] == ""
    assert "OUTSIDE://${KAFKA_ADVERTISED_HOST:-127.0.0.1}:" in _COMPOSE


def test_the_health_checks_follow_the_workers(services: dict[str, Any], directory: Path) -> None:
    """As the containers run them: 1 before the worker has started, 0 while it works, 1 after its end."""
    with Stack(directory, durable=False) as stack:
        stack.setup()
        for name in programs({}):
            if name == "web":
                continue
            check = services[name]["healthcheck"]["test"][3:]
            assert stack.manage(*check, check=False).returncode == 1
            worker = stack.start(name)
            assert wait_until(
                lambda check=check: stack.manage(*check, check=False).returncode == 0,  # type: ignore[misc]
                seconds=120,
            )
            worker.stop()
            assert stack.manage(*check, check=False).returncode == 1


def test_the_image_copies_existing_files_and_runs_without_privileges() -> None:
    """`.dockerignore` lists exactly the copied files."""
    sources = re.findall(r"^COPY (?!--from)(\S+) ", _DOCKERFILE, re.MULTILINE)
    ignored = (PROJECT / ".dockerignore").read_text().splitlines()
    assert sorted(sources) == sorted(line[1:] for line in ignored if line.startswith("!"))
    for source in sources:
        assert (PROJECT / source).exists()
    linted = tomllib.loads((PROJECT / "pyproject.toml").read_text())["tool"]["importlinter"]
    assert set(linted["root_packages"]) - {"easyautoml_ledger", "tools"} <= set(sources)
    after_last_from = _DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.search(r"^USER ledger$", after_last_from, re.MULTILINE)
    assert "--require-hashes" in _DOCKERFILE


def _compose() -> list[str] | None:
    """Return the command, a plugin of docker or a program of its own, or None. It needs no engine here."""
    for command in (["docker", "compose"], ["docker-compose"]):
        if (
            shutil.which(command[0])
            and not subprocess.run([*command, "version"], capture_output=True, check=False).returncode
        ):
            return command
    return None


def test_compose_reads_the_file() -> None:
    """It resolves the file with all secrets, and refuses it without."""
    command = _compose()
    if command is None:
        pytest.skip("docker compose is not installed")
    secrets = {"POSTGRES_OWNER_PASSWORD": "a", "POSTGRES_SERVICE_PASSWORD": "b", "LEDGER_SECRET_KEY": "c"}
    for environment, resolves in ((secrets, True), ({}, False)):
        done = subprocess.run(
            [*command, "--file", "docker-compose.yml", "--env-file", "/dev/null", "config", "--quiet"],
            cwd=PROJECT,
            env={"PATH": os.environ["PATH"], **environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode == 0) is resolves, done.stderr
