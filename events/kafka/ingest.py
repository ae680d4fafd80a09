"""Reads messages from Kafka, and posts them and their positions in one transaction.

# Note [Exactly once]
The position in each partition is kept in the database and moves in the transaction that posts the messages,
by compare-and-set on the position where the fetch started. Kafka's own group offsets are committed
afterwards, as a courtesy to tools that show lag; nothing reads them. So two workers that both believe they
own a partition, a killed worker, or a commit whose answer was lost never post anything twice, and never skip
anything.

# Note [Topic ids]
kafka-python fetches by name, and continues in a topic that was deleted and recreated. Ids are never reused:
if the id looked up after a fetch is still the one that the position belongs to, the messages came from that
topic.
"""

import logging
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from django.db import connection, transaction
from kafka import KafkaConsumer
from kafka.errors import KafkaError

from events.kafka import positions, stored_messages
from events.kafka.clients import make_consumer, make_reader
from events.kafka.draining import Draining
from events.kafka.errors import LostPartition, Partition
from events.kafka.handler import Locked, MessageHandler, TryAgain
from events.kafka.message import Message, message_of
from events.kafka.partitions import ConsumerBroken, Partitions
from events.kafka.progress import Progress
from events.kafka.topics import TopicIds
from events.pace import Pace
from events.poison import INTERNAL_ERROR, isolate, reason_of
from events.worker import DATABASE_AWAY, Attempts, Stop

log = logging.getLogger(__name__)

_POLL_MS: Final = 200
_CLOSE_MS: Final = 2_000
_CHORES_EVERY: Final = 1.0


class Ingest:
    """A worker that reads topics. `routes` has the handler of each topic.

    `chores` are called about every second; they retry waiting messages, and their results count like those
    of new ones. `alone` reads all partitions without joining the group, which takes seconds to assign them.
    `drain` is how long (seconds) a stopping worker reads on, for a broker that loses unread messages.
    """

    def __init__(
        self,
        *,
        routes: Mapping[str, MessageHandler],
        batch: int,
        stop: Stop,
        chores: Sequence[Callable[[], Counter[str]]] = (),
        alone: bool = False,
        drain: float = 0.0,
    ) -> None:
        self._routes = routes
        self._stop = stop
        self._chores = chores
        self._alone = alone
        self._ids = TopicIds(client="ingest-ids")
        self._partitions = Partitions(self._ids)
        self._batch = batch
        self._pace = Pace(batch)
        self._progress = Progress("ingest")
        passing = {**DATABASE_AWAY, TryAgain: "the ledger is busy"}
        self._attempts = Attempts(stop, worker="ingest", passing=passing, recover=self._recover)
        self._chores_at = float("-inf")
        self._began = 0.0
        self._draining = Draining(stop, seconds=drain)

    def run(self) -> None:
        """Run until a stop is requested and the drain is over."""
        log.info("ingest: reading %s", ", ".join(sorted(self._routes)))
        while not self._draining.over():
            try:
                consumer = self._make_consumer()
            except KafkaError as error:
                self._safely(self._do_chores)
                self._failed("no broker answers", error)
                continue
            try:
                self._consume()
            finally:
                self._progress.report(self._partitions.lag(), len(self._partitions))
                # Leave the group, so that other workers take over at once.
                self._partitions.reset()
                consumer.close(timeout_ms=_CLOSE_MS)
        self._ids.close()
        self._attempts.end()

    def _make_consumer(self) -> KafkaConsumer:
        topics = sorted(self._routes)
        if self._alone:
            consumer = make_reader(client="ingest")
            self._partitions.read_all(consumer, topics)
        else:
            consumer = make_consumer(client="ingest")
            self._partitions.join_group(consumer, topics)
        return consumer

    def _consume(self) -> None:
        """Read until stopped, or until the consumer has to be replaced."""
        while not self._draining.over():
            try:
                # Chores need no broker, and continue without one.
                if not self._safely(self._do_chores) or not self._safely(self._step):
                    continue
            except KafkaError as error:
                self._partitions.forget_positions()
                self._failed("the broker does not answer", error)
                if not error.retriable:
                    return
            except ConsumerBroken as error:
                log.warning("a message cannot be parsed: %s", error)
                self._find_unreadable()
                return
            else:
                self._attempts.succeeded()

    def _safely(self, work: Callable[[], None]) -> bool:
        done, _ = self._attempts.attempt(work)
        return done

    def _recover(self, _: Exception) -> None:
        # A commit may have succeeded without its answer: only the database knows where to continue.
        self._partitions.forget_positions()
        self._draining.give_up()

    def _do_chores(self) -> None:
        now = time.monotonic()
        if now - self._chores_at >= _CHORES_EVERY:
            self._chores_at = now
            for chore in self._chores:
                self._progress.count(chore())

    def _step(self) -> None:
        self._partitions.maintain_if_due()
        self._partitions.open_new()
        records = self._partitions.poll(_POLL_MS, self._batch)
        if records:
            self._handle(self._messages(records))
        self._draining.polled(len(self._partitions), self._partitions.lag(), found=bool(records))
        self._progress.report_if_due(self._partitions)

    def _find_unreadable(self) -> None:
        try:
            self._safely(self._partitions.alarm_unreadable)
        except KafkaError as error:
            # The next consumer will meet the same message.
            self._failed("the broker does not answer", error)

    def _messages(self, records: Mapping[Partition, Sequence[Any]]) -> list[Message]:
        """Return the fetched messages, without those of a recreated topic: Note [Topic ids]."""
        ids = self._ids.look_up({topic for topic, _ in records})
        messages: list[Message] = []
        for partition, fetched in records.items():
            topic_id = self._partitions.topic_id(partition)
            if topic_id is None or topic_id != ids.get(partition[0]):
                self._partitions.forget([partition])
                continue
            messages += [message_of(record, topic_id) for record in fetched]
        return messages

    def _handle(self, messages: list[Message]) -> None:
        by_route: dict[MessageHandler, list[Message]] = {}
        for message in messages:
            by_route.setdefault(self._routes[message.topic], []).append(message)
        for handle, share in by_route.items():
            # Ids were looked up once for the whole fetch; its messages are posted at the pace.
            done = 0
            while done < len(share) and not self._draining.over():
                some = share[done : done + self._pace.size]
                self._post(handle, some)
                done += len(some)

    def _post(self, handle: MessageHandler, messages: list[Message]) -> None:
        isolate(messages, lambda some: self._attempt(handle, some), give_up=self._park)

    def _attempt(self, handle: MessageHandler, messages: Sequence[Message]) -> tuple[()]:
        messages = self._partitions.owned(messages)
        if not messages:
            return ()
        moves = self._partitions.moves(messages)
        try:
            tally = handle(messages, lambda cursor: self._begin(cursor, moves))
        except LostPartition as lost:
            log.warning("another worker reads %s: continuing from the stored position", lost)
            self._partitions.forget(lost.partitions)
            return self._attempt(handle, messages)
        except Locked as error:
            self._attempt_by_partition(handle, messages, error)
            return ()
        self._pace.took(time.monotonic() - self._began, len(messages))
        self._partitions.moved(moves)
        self._progress.count(tally, len(messages))
        return ()

    def _attempt_by_partition(
        self, handle: MessageHandler, messages: Sequence[Message], error: Locked
    ) -> None:
        """Post each partition separately, so that only those of a locked user wait."""
        partitions: dict[Partition, list[Message]] = {}
        for message in messages:
            partitions.setdefault((message.topic, message.partition), []).append(message)
        if len(partitions) == 1:
            self._partitions.delay(next(iter(partitions)), str(error))
            return
        for share in partitions.values():
            self._post(handle, share)

    def _begin(self, cursor: Any, moves: Sequence[positions.Move]) -> None:
        self._began = time.monotonic()
        positions.advance(cursor, moves)

    def _park(self, message: Message, error: Exception) -> tuple[()]:
        moves = self._partitions.moves([message])
        log.error(
            "%s[%s]@%s becomes a dead letter: the ledger failed to post it",
            message.topic,
            message.partition,
            message.offset,
            exc_info=error,
        )
        try:
            with transaction.atomic(durable=True), connection.cursor() as cursor:
                positions.advance(cursor, moves)
                stored_messages.park(
                    cursor, [stored_messages.Parked(message, INTERNAL_ERROR, reason_of(error))]
                )
        except LostPartition as lost:
            self._partitions.forget(lost.partitions)
            return ()
        self._partitions.moved(moves)
        self._progress.count(Counter(parked=1), 1)
        return ()

    def _failed(self, why: str, error: Exception) -> None:
        self._draining.give_up()
        self._attempts.failed(why, error)
