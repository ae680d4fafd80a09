"""Metrics that are read from the database, so that every process reports the same."""

import platform
from collections.abc import Iterable, Iterator
from typing import Final

from django.conf import settings
from django.db import Error
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from projections import monitoring
from projections.monitoring import Measurements

_DATABASE_UP: Final = "1 if the database answers."


class LedgerCollector(Collector):
    """Read the database each time the metrics are scraped."""

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics; only the version and `ledger_database_up` 0 if the database does not answer."""
        version = ((settings.LEDGER_VERSION, platform.python_version()), 1.0)
        yield _labelled("ledger_build_info", "The version of the ledger.", ("version", "python"), [version])
        try:
            found = monitoring.read()
        except Error:
            yield _gauge("ledger_database_up", _DATABASE_UP, 0)
            return
        yield _gauge("ledger_database_up", _DATABASE_UP, 1)
        yield from _metrics(found)


def _metrics(found: Measurements) -> Iterator[Metric]:
    yield _gauge("ledger_settled_position", "Position up to which the log is settled.", found.settled)
    yield _gauge("ledger_unsettled_positions", "Positions above the settled one.", found.unsettled)
    yield _labelled(
        "ledger_consumer_lag",
        "Messages of a partition that are not read yet.",
        ("topic", "partition"),
        (((each.topic, str(each.partition)), each.lag) for each in found.partitions),
    )
    yield _labelled(
        "ledger_partition_alarm",
        "1 if a partition needs an operator.",
        ("topic", "partition"),
        (((each.topic, str(each.partition)), int(each.alarmed)) for each in found.partitions),
    )
    yield _labelled(
        "ledger_outbox_lag",
        "Settled positions that are not published on a topic yet.",
        ("topic",),
        (((each.topic,), each.lag) for each in found.unpublished),
    )
    yield _labelled(
        "ledger_outbox_age_seconds",
        "Age of the oldest event that is not published on a topic yet.",
        ("topic",),
        (((each.topic,), each.age_seconds) for each in found.unpublished),
    )
    yield _labelled(
        "ledger_projection_lag",
        "Settled positions that a projection has not read yet.",
        ("projection",),
        (((name,), lag) for name, lag in found.projections),
    )
    for name, meaning, rows in (
        ("dead_letters", "Open dead letters", found.dead_letters),
        ("waiting_messages", "Messages that wait until what they name is known", found.waiting),
    ):
        labels = ("topic", "code")
        counts = (((each.topic, each.code), each.number) for each in rows)
        yield _labelled(f"ledger_{name}", f"{meaning}.", labels, counts)
        ages = (((each.topic, each.code), each.age_seconds) for each in rows)
        yield _labelled(f"ledger_{name}_age_seconds", f"{meaning}: age of the oldest.", labels, ages)
    yield _labelled(
        "ledger_worker_processes",
        "Processes of a worker that have sent a heartbeat in the last minute.",
        ("worker",),
        (((each.worker,), each.alive) for each in found.workers),
    )
    counter = CounterMetricFamily(
        "ledger_worker_outcomes",
        "Messages and events handled by the workers, by outcome.",
        labels=["worker", "outcome"],
    )
    for done in found.done:
        counter.add_metric([done.worker, done.outcome], done.number)
    yield counter


def _gauge(name: str, help_text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help_text, value=value)


def _labelled(
    name: str,
    help_text: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
