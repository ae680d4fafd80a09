"""A process of the web server: gunicorn starts and watches it, uvicorn speaks HTTP in it.

Only gunicorn imports this module, before Django is set up.
"""

import asyncio
import os
import signal
from functools import partial
from threading import Thread
from typing import Any, ClassVar, Final

import uvicorn
import uvloop
from gunicorn.workers.base import Worker
from typing_extensions import override

from web.server.connections import Connections

_PROCESSES_MAX: Final = 64


class LimitedWorker(Worker):  # type: ignore[misc]  # gunicorn has no types
    """A process that holds connections on an event loop, and answers complete requests in threads."""

    connections: ClassVar = Connections(_PROCESSES_MAX)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.row = self.connections.take_row()

    @override
    def init_signals(self) -> None:
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_DFL)

    @override
    def run(self) -> None:
        from django.conf import settings

        from web.api.documents import make_documents
        from web.server.front import Front
        from web.server.protocol import Bodies, LimitedProtocol, sweep

        self.connections.use_row(self.row)
        limits = settings.LEDGER_WEB_LIMITS
        front = Front(self.wsgi, threads=self.cfg.threads, answer_seconds=limits.answer_seconds)
        protocol = partial(LimitedProtocol, limits=limits, counted=self.connections, bodies=Bodies())

        async def notify() -> None:
            self.notify()
            if os.getppid() != self.ppid:  # gunicorn's own process was killed
                server.should_exit = True

        server = uvicorn.Server(
            uvicorn.Config(
                front,
                http=protocol,  # type: ignore[arg-type]  # it is called like the class
                ws="none",
                interface="asgi3",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips=self.cfg.forwarded_allow_ips,
                timeout_keep_alive=86_400,  # `sweep` closes idle connections sooner
                timeout_graceful_shutdown=self.cfg.graceful_timeout - 1,
                callback_notify=notify,
                timeout_notify=1,
            )
        )

        async def serve() -> None:
            sweeping = asyncio.create_task(sweep(server.server_state.connections))
            await server.serve([listener.sock for listener in self.sockets])
            sweeping.cancel()

        # uvicorn raises the signal that stopped it once more at its end, when it has nothing left to stop.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        Thread(target=make_documents, name="documents", daemon=True).start()
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve())
