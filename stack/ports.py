"""TCP ports on this machine."""

import errno
import socket
import time
from collections.abc import Callable

from stack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """A port that nobody listens on now. Another process may still take it first."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Whether a server could listen on the port. Raises `StackError` where the address is not ours."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Servers set it too: connections of a server that has just stopped do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise StackError(f"cannot listen on {host}:{port}: {error.strerror}.") from error
    return True


def choose(*, wanted: int | None, usual: int, setting: str) -> int:
    """The port that was asked for, which must be free; else the usual one; else any free one."""
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(f"port {wanted} is taken; choose another with {setting}, or leave it unset.")
        return wanted
    return usual if is_free(usual) else free_port()


def answers(port: int, host: str = LOOPBACK) -> bool:
    """Whether something accepts connections there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def wait_until(
    ready: Callable[[], bool],
    *,
    seconds: float,
    alive: Callable[[], bool] = lambda: True,
) -> bool:
    """Polls until ready (True), or until the server died or the time is over (False)."""
    deadline = time.monotonic() + seconds
    pause = 0.01
    while time.monotonic() < deadline:
        if ready():
            return True
        if not alive():
            return False
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    return False
