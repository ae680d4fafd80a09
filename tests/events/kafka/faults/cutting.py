"""A proxy to the database that loses the answers to some commits, although they succeed."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import urlsplit

_COMMIT: Final = b"Q\x00\x00\x00\x0bCOMMIT\x00"
_READY: Final = b"Z\x00\x00\x00\x05I"  # the end of PostgreSQL's answer, outside of a transaction


class Cutting:
    """Listens on its own port, and closes every `every`th connection between a commit and its answer."""

    def __init__(self, url: str, *, every: int) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        self._database = (parts.hostname, parts.port)
        self._every = every
        self._lock = threading.Lock()
        self._commits = 0
        self.cuts = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        port = self._server.getsockname()[1]
        self.url = url.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{port}", 1)

    def serve(self) -> None:
        """Serve until closed."""
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._connected, args=(client,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()

    def _connected(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._database) as database:
            cut = threading.Event()
            answers = threading.Thread(target=_answer, args=(database, client, cut), daemon=True)
            answers.start()
            while content := _received(client):
                if content == _COMMIT and self._is_to_be_cut():
                    cut.set()
                    database.sendall(content)
                    answers.join()  # the commit has succeeded
                    return
                database.sendall(content)

    def _is_to_be_cut(self) -> bool:
        with self._lock:
            self._commits += 1
            if self._commits % self._every:
                return False
            self.cuts += 1
            return True


@contextmanager
def cutting(url: str, *, every: int) -> Iterator[Cutting]:
    """Run the proxy until the block ends."""
    made = Cutting(url, every=every)
    threading.Thread(target=made.serve, daemon=True).start()
    try:
        yield made
    finally:
        made.close()


def _answer(database: socket.socket, client: socket.socket, cut: threading.Event) -> None:
    """Forward answers; once the connection is to be cut, drop the next complete one."""
    while content := _received(database):
        if cut.is_set():
            if content.endswith(_READY):
                return
            continue
        client.sendall(content)


def _received(connection: socket.socket) -> bytes:
    try:
        return connection.recv(65_536)
    except OSError:
        return b""
