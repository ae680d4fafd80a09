"""TCP ports on this machine."""

import errno
import socket
import time
from collections.abc import Callable

from stack.errors import StackError

LOOPBACK = "127.0.0.1"


def free_port() -> int:
    """Return a port that is free now. Another process may still take it first."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Return whether a server can listen on the port. Raises `StackError` for an invalid address."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        # Servers set this too, so that connections of a server that has just stopped do not block the port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise StackError(f"cannot listen on {host}:{port}: {error.strerror}.") from error
    return True


def choose_port(*, wanted: int | None, default: int, setting: str) -> int:
    """Return the wanted port, else the default port if it is free, else any free port.

    Raises `StackError` if the wanted port is taken.
    """
    if wanted is not None:
        if not is_free(wanted):
            raise StackError(f"port {wanted} is taken; choose another with {setting}, or leave it unset.")
        return wanted
    return default if is_free(default) else free_port()


def wait_until(
    ready: Callable[[], bool],
    *,
    seconds: float,
    alive: Callable[[], bool] = lambda: True,
) -> bool:
    """Poll until `ready` is true. Return False once `alive` is false or the time is over."""
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
