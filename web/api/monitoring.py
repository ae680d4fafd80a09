"""The database's figures as metrics: the same from every process that is asked."""

from collections.abc import Iterable, Iterator

from django.db import Error
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from events import monitoring
from events.monitoring import Measurements


class LedgerCollector(Collector):
    """Reads the database whenever metrics are asked for."""

    def collect(self) -> Iterator[Metric]:
        """The figures, and whether the database answered: without it, only that it did not."""
        try:
            found = monitoring.read()
        except Error:
            yield _gauge("ledger_database_up", "Whether the database answers.", 0)
            return
        yield _gauge("ledger_database_up", "Whether the database answers.", 1)
        yield from _metrics(found)


def _metrics(found: Measurements) -> Iterator[Metric]:
    yield _gauge("ledger_settled_position", "Up to where the log can be read.", found.settled)
    yield _gauge("ledger_unsettled_positions", "Positions behind the settled one.", found.unsettled)
    yield _labelled(
        "ledger_consumer_lag",
        "Messages of a partition that were not read yet.",
        ("topic", "partition"),
        (((each.topic, str(each.partition)), each.lag) for each in found.partitions),
    )
    yield _labelled(
        "ledger_partition_alarm",
        "1 where a partition waits for an operator.",
        ("topic", "partition"),
        (((each.topic, str(each.partition)), int(each.alarmed)) for each in found.partitions),
    )
    yield _labelled(
        "ledger_outbox_lag",
        "Settled positions that were not told on a topic yet.",
        ("topic",),
        (((each.topic,), each.lag) for each in found.untold),
    )
    yield _labelled(
        "ledger_outbox_age_seconds",
        "Age of the oldest event that was not told on a topic yet.",
        ("topic",),
        (((each.topic,), each.age_seconds) for each in found.untold),
    )
    yield _labelled(
        "ledger_projection_lag",
        "Settled positions that a projection has not read.",
        ("projection",),
        (((name,), lag) for name, lag in found.projections),
    )
    for name, what, rows in (
        ("dead_letters", "Dead letters that nobody dealt with", found.dead_letters),
        ("waiting_messages", "Messages that wait for something unknown", found.waiting),
    ):
        labels = ("topic", "code")
        counts = (((each.topic, each.code), each.number) for each in rows)
        yield _labelled(f"ledger_{name}", f"{what}.", labels, counts)
        ages = (((each.topic, each.code), each.age_seconds) for each in rows)
        yield _labelled(f"ledger_{name}_age_seconds", f"{what}: age of the oldest.", labels, ages)
    counter = CounterMetricFamily(
        "ledger_worker_outcomes", "What workers did with messages and events.", labels=["worker", "outcome"]
    )
    for done in found.done:
        counter.add_metric([done.worker, done.outcome], done.number)
    yield counter


def _gauge(name: str, what: str, value: float) -> Metric:
    return GaugeMetricFamily(name, what, value=value)


def _labelled(
    name: str,
    what: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[tuple[str, ...], float]],
) -> Metric:
    family = GaugeMetricFamily(name, what, labels=labels)
    for label_values, value in values:
        family.add_metric(label_values, value)
    return family
