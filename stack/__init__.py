"""Starts and stops PostgreSQL, a broker and the ledger's processes on this machine.

Nothing here imports Django or another package of the ledger: people, tests, benchmarks and the
demo start the stack before settings can load.

    with Stack(durable=False) as stack:      # PostgreSQL and a broker, in a temporary directory
        stack.setup()
        worker = stack.start("ingest")
        worker.kill()                        # like `kill -9`
"""

from stack.errors import StackError
from stack.local import Stack
from stack.processes import Child

__all__ = ["Child", "Stack", "StackError"]
