"""Starts and stops the servers that the ledger needs, on machines that have none.

Nothing here imports Django or any other package of the ledger: the stack is started
before settings can load, by people, tests, benchmarks and the demo alike.

    with Stack(durable=False) as stack:      # PostgreSQL and a broker, in a temporary directory
        stack.setup()
        worker = stack.start("ingest")
        worker.kill()                        # as `kill -9` would
"""

from stack.errors import StackError
from stack.local import Stack
from stack.processes import Child

__all__ = ["Child", "Stack", "StackError"]
