"""Runs Apache Kafka in KRaft mode with one broker or three. Needs a JDK, and Maven to download it.

The embedded broker is only compatible with Kafka: it loses everything when it stops, and differs in
transactions and offsets. So the Kafka tests run on Apache Kafka too.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from stack.broker import speaks_kafka
from stack.errors import StackError
from stack.ports import LOOPBACK, choose_port, free_port, wait_until
from stack.processes import Child
from stack.state import make_directory, state_directory

VERSION = "4.1.1"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_CLUSTER_ID = "bGVkZ2VyLWxlZGdlci0xMQ"
_JAVA_MIN = 17
_START_SECONDS = 90
_FETCH_SECONDS = 600
# For small, short-lived brokers the serial collector and the first compiler tier halve the start time.
_JVM = ("-Xms128m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")

_POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>easyautoml</groupId><artifactId>kafka-for-the-ledger</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientSecurity:
    """Requires TLS and a password of clients, but not of other brokers.

    `keystore` is a PEM file with the broker's private key and certificate. `users` maps names to passwords,
    for SCRAM-SHA-512 and PLAIN.
    """

    keystore: Path
    users: Mapping[str, str]

    def properties(self) -> dict[str, object]:
        """Return the properties of the listener for clients."""
        accounts = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        scram, plain = (
            f"org.apache.kafka.common.security.{name} required"
            for name in ("scram.ScramLoginModule", "plain.PlainLoginModule")
        )
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.keystore,
            "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{scram};",
            "listener.name.clients.plain.sasl.jaas.config": f"{plain} {accounts};",
        }

    def format_arguments(self) -> list[str]:
        """Return the arguments that store the users when the storage is formatted."""
        return [
            argument
            for name, password in self.users.items()
            for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]


class ApacheKafka:
    """A cluster on the loopback address. Each node is both broker and controller.

    `nodes` can be killed and started one by one. The data stays in `directory`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 1,
        port: int | None = None,
        default_port: int | None = None,
        security: ClientSecurity | None = None,
    ) -> None:
        self._security = security
        self._directory = directory
        self._count = brokers
        self._wanted_port = port
        self._default_port = free_port() if default_port is None else default_port
        self._java = find_java()
        self._classpath = f"{fetch()}/*"
        self._ports: list[int] = []
        # The ports between brokers: the same as those for clients, unless clients need a password.
        self._inner_ports: list[int] = []
        self.nodes: list[Child] = []

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{LOOPBACK}:{port}" for port in self._ports)

    @property
    def running(self) -> bool:
        return bool(self.nodes) and all(node.running for node in self.nodes)

    def start(self) -> "ApacheKafka":
        """Format the storage at the first start, start every node and wait until all respond.

        Raises `StackError`.
        """
        if not self.nodes:
            first = choose_port(
                wanted=self._wanted_port, default=self._default_port, setting="LEDGER_KAFKA_PORT"
            )
            self._ports = [first, *(free_port() for _ in range(self._count - 1))]
            self._inner_ports = [free_port() for _ in self._ports] if self._security else self._ports
            controllers = [free_port() for _ in range(self._count)]
            self.nodes = [self._new_node(number, controllers) for number in range(1, self._count + 1)]
        for node in self.nodes:
            if not node.running:
                node.start()
        for node, port in zip(self.nodes, self._inner_ports, strict=True):
            responds = wait_until(
                lambda port=port: speaks_kafka(port),  # type: ignore[misc]
                seconds=_START_SECONDS,
                alive=lambda: self.running,
            )
            if not responds:
                self.stop()
                raise StackError(f"Apache Kafka does not start; see the end of {node.log}.")
        return self

    def stop(self) -> None:
        # All at once: the last nodes would wait for a majority that no longer exists.
        for node in self.nodes:
            node.request_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def tail(self, lines: int) -> str:
        """Return the last lines of the logs of the nodes that have ended."""
        return "\n".join(node.tail(lines) for node in self.nodes if not node.running)

    def _new_node(self, number: int, controllers: list[int]) -> Child:
        home = self._directory / "kafka" / f"node-{number}"
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        config = home / "server.properties"
        config.write_text(self._properties(number, controllers, home / "data"), encoding="utf-8")
        if not (home / "data" / "meta.properties").exists():
            self._format(config)
        return Child(
            f"kafka-{number}",
            [*self._java_command(), "kafka.Kafka", config],
            directory=self._directory,
            environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
            cwd=home,
            stop_seconds=20,
        )

    def _properties(self, number: int, controllers: list[int], data: Path) -> str:
        inner, controller = self._inner_ports[number - 1], controllers[number - 1]
        listeners = f"BROKERS://{LOOPBACK}:{inner}"
        if self._security:
            listeners += f",CLIENTS://{LOOPBACK}:{self._ports[number - 1]}"
        replicas = min(self._count, 3)
        voters = ",".join(f"{node}@{LOOPBACK}:{port}" for node, port in enumerate(controllers, start=1))
        values = {
            "node.id": number,
            "process.roles": "broker,controller",
            "controller.quorum.voters": voters,
            "listeners": f"{listeners},CONTROLLER://{LOOPBACK}:{controller}",
            "advertised.listeners": listeners,
            "listener.security.protocol.map": "BROKERS:PLAINTEXT,CLIENTS:SASL_SSL,CONTROLLER:PLAINTEXT",
            "inter.broker.listener.name": "BROKERS",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": data,
            "default.replication.factor": replicas,
            "min.insync.replicas": max(1, replicas - 1),
            "offsets.topic.replication.factor": replicas,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": replicas,
            "transaction.state.log.min.isr": max(1, replicas - 1),
            "transaction.state.log.num.partitions": 4,
            # A dead broker is detected after 6 seconds instead of 9.
            "broker.session.timeout.ms": 6000,
            "broker.heartbeat.interval.ms": 1000,
            "group.initial.rebalance.delay.ms": 0,
            # Using a topic that does not exist is an error.
            "auto.create.topics.enable": "false",
            **(self._security.properties() if self._security else {}),
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _format(self, config: Path) -> None:
        arguments = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
        arguments += self._security.format_arguments() if self._security else []
        done = subprocess.run(
            [*self._java_command(), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no reason given"]
            raise StackError(f"Apache Kafka could not format its storage: {lines[-1]}")

    def _java_command(self) -> list[str]:
        return [
            str(self._java),
            *_JVM,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *("-cp", self._classpath),
        ]


def find_java() -> Path:
    """Return the path of a Java that can run Kafka. Raises `StackError`."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(Path(home) / "bin" / "java" if home else "java")
    if found is None:
        raise StackError(f"Apache Kafka needs Java {_JAVA_MIN} or newer, and none was found.")
    printed = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', printed.stderr + printed.stdout)
    if version is None or int(version[1]) < _JAVA_MIN:
        raise StackError(f"Apache Kafka needs Java {_JAVA_MIN} or newer; {found} is older.")
    return Path(found)


def fetch() -> Path:
    """Return the folder with Kafka's libraries; the first call downloads them. Raises `StackError`."""
    home = make_directory(state_directory(os.environ)) / f"apache-kafka-{VERSION}"
    if home.exists():
        return home
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Apache Kafka is downloaded with Maven, and `mvn` was not found.")
    new = home.with_name(f"{home.name}.{os.getpid()}")
    new.mkdir(mode=0o755)
    (new / "pom.xml").write_text(_POM, encoding="utf-8")
    command = [maven, "--batch-mode", "--quiet", _COPY, "-DincludeScope=runtime", f"-DoutputDirectory={new}"]
    try:
        done = subprocess.run(
            command, cwd=new, capture_output=True, text=True, check=False, timeout=_FETCH_SECONDS
        )
    except subprocess.TimeoutExpired as error:
        shutil.rmtree(new, ignore_errors=True)
        raise StackError(f"Maven did not download Apache Kafka within {_FETCH_SECONDS} seconds.") from error
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        errors = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no reason given"]
        raise StackError(f"Maven could not download Apache Kafka {VERSION}: {errors[0]}")
    try:
        new.replace(home)
    except OSError:  # another process was faster
        shutil.rmtree(new, ignore_errors=True)
    return home
