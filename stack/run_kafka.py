"""The command of `make kafka`: runs Apache Kafka alone, for a ledger that is started separately."""

from collections.abc import Mapping

from stack.apache_kafka import VERSION, ApacheKafka, fetch, find_java
from stack.broker import DEFAULT_PORT
from stack.errors import StackError
from stack.run import read_port
from stack.state import acquire_lock, make_directory, state_directory
from stack.supervisor import Supervisor
from stack.terminal import Terminal


def fetch_kafka() -> int:
    """Download Apache Kafka; return 0, or 2 after printing the reason why it cannot run here."""
    try:
        find_java()
        fetch()
    except StackError as error:
        Terminal().write_error(f"ledger: {error}")
        return 2
    return 0


def run_kafka(environ: Mapping[str, str], *, brokers: int) -> int:
    """Start the brokers and return after they have stopped: 0, or 2 after printing an error."""
    terminal = Terminal()
    supervisor = Supervisor(terminal)
    with supervisor.signals():
        try:
            directory = make_directory(make_directory(state_directory(environ)) / f"apache-{brokers}")
            with acquire_lock(directory):
                terminal.write(f"starting Apache Kafka {VERSION} (the first start downloads it with Maven)")
                port = read_port(environ, "LEDGER_KAFKA_PORT")
                kafka = ApacheKafka(directory, brokers=brokers, port=port, default_port=DEFAULT_PORT)
                try:
                    supervisor.start("kafka", kafka, after_restart=lambda: None)
                    terminal.write(f"KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers} make run   uses it")
                    supervisor.watch()
                finally:
                    supervisor.stop(("kafka",))
        except StackError as error:
            terminal.write_error(f"ledger: {error}")
            return 2
    return 0
