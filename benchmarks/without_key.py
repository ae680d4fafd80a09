"""`python -m benchmarks.without_key`: the processor time of every route that is answered without a key.

Starts a ledger with its web server, and sends each request some hundred times, one after the other. Prints
the processor time of the web server's processes per request, the median latency and the HTTP status.
"""

import argparse
import os
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import web
from stack import Stack

_PATHS: Final = (
    "/livez",
    "/readyz",
    "/metrics",
    "/v1/openapi.json",
    "/v1/asyncapi.json",
    "/admin/",
    "/admin/login/",
    "/admin/jsi18n/",
    "/static/admin/css/base.css",
    "/static/none.css",
    "/favicon.ico",
    "/v1/operations",
    "/v1/none",
    "/none",
)
_UNKNOWN_KEY: Final = f"Authorization: Bearer ledger_00000000_{'x' * 43}\r\n"
_TICK: Final = 1 / os.sysconf("SC_CLK_TCK")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.without_key", description=__doc__)
    parser.add_argument("--requests", type=int, default=300, help="of each kind (default: 300)")
    count = parser.parse_args(arguments).requests
    with Stack(durable=False, kafka=None) as stack:
        stack.setup()
        worker = stack.start("web")
        stack.wait_for_web()
        client = web.Client(int(stack.environment["LEDGER_WEB_PORT"]))
        requests = {f"`{path}`": web.get(path) for path in _PATHS}
        requests["`/v1/operations`, an unknown key"] = web.get("/v1/operations", _UNKNOWN_KEY)
        for path in ("/v1/openapi.json", "/v1/asyncapi.json"):  # they are made once, after the start
            client.ask(web.get(path))
        print("| request | processor time (ms) | p50 (ms) | HTTP status |")
        print("| --- | --- | --- | --- |")
        for name, request in requests.items():
            for _ in range(20):
                status, _ = client.ask(request)
            latencies, before = [], _processor_seconds(worker.pid)
            for _ in range(count):
                asked = time.monotonic()
                client.ask(request)
                latencies.append(time.monotonic() - asked)
            spent = (_processor_seconds(worker.pid) - before) / count
            print(f"| {name} | {spent * 1000:.1f} | {median(latencies) * 1000:.1f} | {status} |")


def _processor_seconds(parent: int) -> float:
    """Return the processor time that a process and its children have used."""
    seconds = 0.0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(") ")[2].split()
        except OSError:
            continue
        if parent in {int(path.parent.name), int(fields[1])}:
            seconds += (int(fields[11]) + int(fields[12])) * _TICK
    return seconds


if __name__ == "__main__":
    main()
