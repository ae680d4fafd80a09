"""`make kafka`: Apache Kafka alone, for a ledger that is started beside it."""

from collections.abc import Mapping

from stack.apache_kafka import VERSION, ApacheKafka, fetch, find_java
from stack.broker import USUAL_PORT
from stack.errors import StackError
from stack.run import port_setting
from stack.state import make_directory, state_directory, take_lock
from stack.supervisor import Supervisor
from stack.terminal import Terminal


def fetch_kafka() -> int:
    """Whether Apache Kafka can be run here: 0 once it is fetched, or 2 with one sentence why not."""
    try:
        find_java()
        fetch()
    except StackError as error:
        Terminal().complain(f"ledger: {error}")
        return 2
    return 0


def run_kafka(environ: Mapping[str, str], *, brokers: int) -> int:
    """Starts the brokers and returns after they have stopped: 0, or 2 with one sentence why."""
    terminal = Terminal()
    supervisor = Supervisor(terminal)
    with supervisor.signals():
        try:
            directory = make_directory(make_directory(state_directory(environ)) / f"apache-{brokers}")
            with take_lock(directory):
                terminal.say(f"starting Apache Kafka {VERSION} (the first time it is fetched with Maven)")
                port = port_setting(environ, "LEDGER_KAFKA_PORT")
                kafka = ApacheKafka(directory, brokers=brokers, port=port, usual_port=USUAL_PORT)
                try:
                    supervisor.start("kafka", kafka, after_restart=lambda: None)
                    terminal.say(f"KAFKA_BOOTSTRAP_SERVERS={kafka.bootstrap_servers} make run   uses it")
                    supervisor.watch()
                finally:
                    supervisor.stop(("kafka",))
        except StackError as error:
            terminal.complain(f"ledger: {error}")
            return 2
    return 0
