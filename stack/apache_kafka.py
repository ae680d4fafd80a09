"""Apache Kafka itself in KRaft mode, where a JDK and Maven are present: one broker or three.

The embedded broker is Kafka-compatible, not Kafka: it forgets everything at a stop, and differs in
transactions and offsets. What the ledger claims of Kafka is tried on this one too.
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
from stack.ports import LOOPBACK, choose, free_port, wait_until
from stack.processes import Child
from stack.state import make_directory, state_directory

VERSION = "4.1.1"
_COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
_CLUSTER_ID = "bGVkZ2VyLWxlZGdlci0xMQ"
_JAVA_MIN = 17
_START_SECONDS = 90
_FETCH_SECONDS = 600
# Short-lived and small: the simple collector and the quick compiler start in half the time.
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
class Secured:
    """Clients have to come over TLS and say who they are; brokers among themselves do not.

    `keystore` is a PEM file: the broker's private key and its certificate. `users` are passwords by name, for
    SCRAM-SHA-512 and PLAIN.
    """

    keystore: Path
    users: Mapping[str, str]

    def properties(self) -> dict[str, object]:
        """Of the listener for clients."""
        known = " ".join(f'user_{name}="{password}"' for name, password in self.users.items())
        scram, plain = (
            f"org.apache.kafka.common.security.{name} required"
            for name in ("scram.ScramLoginModule", "plain.PlainLoginModule")
        )
        return {
            "ssl.keystore.type": "PEM",
            "ssl.keystore.location": self.keystore,
            "listener.name.clients.sasl.enabled.mechanisms": "SCRAM-SHA-512,PLAIN",
            "listener.name.clients.scram-sha-512.sasl.jaas.config": f"{scram};",
            "listener.name.clients.plain.sasl.jaas.config": f"{plain} {known};",
        }

    def format_arguments(self) -> list[str]:
        """What the storage has to know from the beginning."""
        return [
            argument
            for name, password in self.users.items()
            for argument in ("--add-scram", f"SCRAM-SHA-512=[name={name},password={password}]")
        ]


class ApacheKafka:
    """A cluster on the loopback address; each node is broker and controller in one.

    `nodes` can be killed and started one by one. Data stays in the directory.
    """

    def __init__(
        self,
        directory: Path,
        *,
        brokers: int = 1,
        port: int | None = None,
        usual_port: int | None = None,
        secured: Secured | None = None,
    ) -> None:
        self._secured = secured
        self._directory = directory
        self._count = brokers
        self._wanted_port = port
        self._usual_port = free_port() if usual_port is None else usual_port
        self._java = find_java()
        self._classpath = f"{fetch()}/*"
        self._ports: list[int] = []
        self._inner_ports: list[int] = []
        """What brokers use among themselves: the clients' own, unless those have to be let in."""
        self.nodes: list[Child] = []

    @property
    def bootstrap_servers(self) -> str:
        return ",".join(f"{LOOPBACK}:{port}" for port in self._ports)

    @property
    def running(self) -> bool:
        return bool(self.nodes) and all(node.running for node in self.nodes)

    def start(self) -> "ApacheKafka":
        """Formats the storage at the first start, starts every node and waits until all answer."""
        if not self.nodes:
            first = choose(wanted=self._wanted_port, usual=self._usual_port, setting="LEDGER_KAFKA_PORT")
            self._ports = [first, *(free_port() for _ in range(self._count - 1))]
            self._inner_ports = [free_port() for _ in self._ports] if self._secured else self._ports
            controllers = [free_port() for _ in range(self._count)]
            self.nodes = [self._make_node(number, controllers) for number in range(1, self._count + 1)]
        for node in self.nodes:
            if not node.running:
                node.start()
        for node, port in zip(self.nodes, self._inner_ports, strict=True):
            answers = wait_until(
                lambda port=port: speaks_kafka(port),  # type: ignore[misc]
                seconds=_START_SECONDS,
                alive=lambda: self.running,
            )
            if not answers:
                self.stop()
                raise StackError(f"Apache Kafka does not start; its own words are at the end of {node.log}.")
        return self

    def stop(self) -> None:
        # Together, not one after the other: the last ones would wait for a majority that is gone.
        for node in self.nodes:
            node.ask_to_stop()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def tail(self, lines: int) -> str:
        """The last lines of the logs of the nodes that have ended."""
        return "\n".join(node.tail(lines) for node in self.nodes if not node.running)

    def _make_node(self, number: int, controllers: list[int]) -> Child:
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
        if self._secured:
            listeners += f",CLIENTS://{LOOPBACK}:{self._ports[number - 1]}"
        copies = min(self._count, 3)
        voters = ",".join(f"{at}@{LOOPBACK}:{port}" for at, port in enumerate(controllers, start=1))
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
            "default.replication.factor": copies,
            "min.insync.replicas": max(1, copies - 1),
            "offsets.topic.replication.factor": copies,
            "offsets.topic.num.partitions": 4,
            "transaction.state.log.replication.factor": copies,
            "transaction.state.log.min.isr": max(1, copies - 1),
            "transaction.state.log.num.partitions": 4,
            # A dead broker is missed after 6 seconds, not 9.
            "broker.session.timeout.ms": 6000,
            "broker.heartbeat.interval.ms": 1000,
            "group.initial.rebalance.delay.ms": 0,
            # A topic that nobody made is a mistake to be seen.
            "auto.create.topics.enable": "false",
            **(self._secured.properties() if self._secured else {}),
        }
        return "".join(f"{name}={value}\n" for name, value in values.items())

    def _format(self, config: Path) -> None:
        arguments = ["kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(config)]
        arguments += self._secured.format_arguments() if self._secured else []
        done = subprocess.run(
            [*self._java_command(), *arguments], capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            words = (done.stderr or done.stdout).strip().splitlines()
            raise StackError(
                f"Apache Kafka could not make its storage: {words[-1] if words else 'no reason'}"
            )

    def _java_command(self) -> list[str]:
        return [
            str(self._java),
            *_JVM,
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
            *("-cp", self._classpath),
        ]


def find_java() -> Path:
    """A Java that can run Kafka. Raises `StackError`."""
    home = os.environ.get("JAVA_HOME")
    found = shutil.which(Path(home) / "bin" / "java" if home else "java")
    if found is None:
        raise StackError(f"Apache Kafka needs Java {_JAVA_MIN} or newer, and none was found.")
    shown = subprocess.run([found, "-version"], capture_output=True, text=True, check=False)
    version = re.search(r'version "(\d+)', shown.stderr + shown.stdout)
    if version is None or int(version[1]) < _JAVA_MIN:
        raise StackError(f"Apache Kafka needs Java {_JAVA_MIN} or newer; {found} is older.")
    return Path(found)


def fetch() -> Path:
    """The folder with Kafka's libraries, fetched with Maven at the first call. Raises `StackError`."""
    home = make_directory(state_directory(os.environ)) / f"apache-kafka-{VERSION}"
    if home.exists():
        return home
    maven = shutil.which("mvn")
    if maven is None:
        raise StackError("Apache Kafka is fetched with Maven, and `mvn` was not found.")
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
        raise StackError(f"Maven has not fetched Apache Kafka in {_FETCH_SECONDS} seconds.") from error
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        words = [line for line in done.stdout.splitlines() if "ERROR" in line] or ["no reason"]
        raise StackError(f"Maven could not fetch Apache Kafka {VERSION}: {words[0]}")
    try:
        new.replace(home)
    except OSError:  # another process was quicker
        shutil.rmtree(new, ignore_errors=True)
    return home
