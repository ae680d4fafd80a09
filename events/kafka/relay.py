"""Events out: the log is the outbox.

# Note [Publishing]
One relay reads the settled events in order, publishes them in a transaction of Kafka, and moves its
checkpoint after the broker has acknowledged. If it ends in between, the same events are published
again: at least once, in order per key, with the event's id to know a duplicate by. Checkpoints are
kept per topic id, so that a topic that was made anew is told everything.

# Note [Fence, then read]
A producer that begins fences all before it. So the checkpoints are read, or looked at again, once ours has
begun: read before, they may be those of a relay that has gone on since, and what was told after them would be
told again behind what is newer. A compacted topic would keep the older balance for ever.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import InterfaceError, OperationalError, close_old_connections, connection

from easyautoml_ledger.topics import BILLING_DEAD_LETTERS
from events.kafka import checkpoints, dead_letter_feed
from events.kafka.checkpoints import Overtaken
from events.kafka.errors import KafkaError
from events.kafka.feeds import Feed, Told
from events.kafka.leadership import Leadership
from events.kafka.message import Message
from events.kafka.progress import Progress
from events.kafka.publisher import Publisher, RefusedByBroker
from events.kafka.stored_messages import Parked
from events.kafka.topics import TopicIds
from events.settler import Settler
from events.worker import Backoff, Stop

log = logging.getLogger(__name__)

_REST: Final = 0.05
_CHORES_EVERY: Final = 1.0
_DEAD_LETTERS: Final = 100


class Relay:
    """One process of which one publishes at a time. `batch` is how many events a transaction has."""

    def __init__(
        self,
        *,
        feeds: Sequence[Feed],
        transactional_id: str,
        stop: Stop,
        batch: int = 2000,
        leadership: Leadership | None = None,
    ) -> None:
        self._feeds = feeds
        self._stop = stop
        self._batch = batch
        self._publisher = Publisher(transactional_id=transactional_id, stop=stop)
        self._leadership = leadership or Leadership()
        self._settler = Settler()
        self._ids = TopicIds(client="relay-ids")
        self._progress = Progress("relay")
        self._backoff = Backoff()
        self._positions: dict[tuple[str, str], int] = {}
        self._known_ids: dict[str, str] = {}
        self._missing: set[str] = set()
        self._leads = False
        self._chores_at = float("-inf")
        self._settled = 0

    def run(self) -> None:
        """Until it is asked to stop."""
        log.info("relay: telling %s", ", ".join(feed.topic for feed in self._feeds))
        try:
            while not self._stop.asked:
                close_old_connections()
                if not self._safely():
                    self._stop.wait(_REST)
                self._progress.report_if_due(self)
        finally:
            self._progress.report(self.lag(), len(self))
            self.close()

    def close(self) -> None:
        """Let go of broker and leadership."""
        self._publisher.close()
        self._ids.close()
        self._leadership.give_up()

    def lag(self) -> int:
        """How many positions of the log are settled and not told on every topic yet."""
        behind = [self._settled - position for position in self._positions.values()]
        return max(behind, default=0)

    def __len__(self) -> int:
        return len(self._positions)

    def _safely(self) -> bool:
        try:
            worked = self.step()
        except (OperationalError, InterfaceError) as error:
            connection.close()
            self._leadership.give_up()
            self._start_over("the database does not answer", error)
        except KafkaError as error:
            self._publisher.close()
            self._start_over("nothing was published", error)
        except Overtaken as error:
            self._publisher.close()
            self._start_over("another relay publishes", error)
        else:
            self._backoff.reset()
            return worked
        return False

    def step(self) -> bool:
        """Publish the next batch; whether there was one."""
        self._settled = self._settler.advance()
        now = time.monotonic()
        worked = False
        if now - self._chores_at >= _CHORES_EVERY:
            self._chores_at = now
            self._leads = self._leadership.holds()
            if self._leads:
                self._look_at_topics()
                worked = self._tell_dead_letters()
        if not self._leads or not self._positions:
            return False
        position = min(self._positions.values())
        if position >= self._settled:
            return worked
        return self._tell(position) or worked

    def _look_at_topics(self) -> None:
        """Take up topics that are new, or were made anew."""
        names = [feed.topic for feed in self._feeds]
        ids = self._ids.ask([*names, BILLING_DEAD_LETTERS])
        missing = {*names, BILLING_DEAD_LETTERS} - ids.keys()
        if missing - self._missing:
            log.warning("missing topics: %s; `manage.py topics` makes them", ", ".join(sorted(missing)))
        self._missing = missing
        if ids == self._known_ids:
            return
        if self._known_ids:
            # A producer that knows an old topic would go on from that one's sequence.
            self._publisher.close()
        self._positions.clear()
        self._known_ids = {}
        self._open()
        for feed in self._feeds:
            if feed.topic in ids:
                self._positions[feed.topic, ids[feed.topic]] = self._begin(feed, ids[feed.topic])
        if (
            BILLING_DEAD_LETTERS in ids
            and checkpoints.read(BILLING_DEAD_LETTERS, ids[BILLING_DEAD_LETTERS]) is None
        ):
            dead_letter_feed.tell_open_again()
            checkpoints.start(BILLING_DEAD_LETTERS, ids[BILLING_DEAD_LETTERS], 0)
        self._known_ids = ids

    def _open(self) -> None:
        """Begin a producer, if there is none. Raises `Overtaken`: Note [Fence, then read]."""
        if self._publisher.begin():
            for (topic, topic_id), position in self._positions.items():
                if checkpoints.read(topic, topic_id) != position:
                    raise Overtaken(topic)

    def _begin(self, feed: Feed, topic_id: str) -> int:
        position = checkpoints.read(feed.topic, topic_id)
        if position is not None:
            return position
        position = 0
        if (snapshot := feed.snapshot()) is not None:
            # What is settled now is in the snapshot, which is read later.
            position = self._settled
            for messages in snapshot:
                self._publish([Told(position, message) for message in messages])
        log.info("%s is new (%s): telling it the log after position %d", feed.topic, topic_id, position)
        checkpoints.start(feed.topic, topic_id, position)
        return position

    def _tell(self, position: int) -> bool:
        """Tell the topics that are furthest behind the next events."""
        behind = {topic for topic, at in self._positions.items() if at == position}
        ahead = [at for at in self._positions.values() if at > position]
        upto = min([self._settled, *ahead])
        count, reached = _reach(after=position, upto=upto, limit=self._batch)
        names = {topic for topic, _ in behind}
        messages = [
            told
            for feed in self._feeds
            if feed.topic in names
            for told in feed.tell(after=position, upto=reached)
        ]
        refused = self._publish(messages)
        checkpoints.move(sorted(behind), position, reached, [self._parked(*item) for item in refused])
        for topic in behind:
            self._positions[topic] = reached
        self._progress.count(Counter(events=count, refused=len(refused)), len(messages))
        return count > 0

    def _publish(self, messages: Sequence[Told]) -> list[tuple[Told, str]]:
        """Publish in order; what the broker refuses, with its reason."""
        if not messages:
            return []
        self._open()
        try:
            self._publisher.publish([message for _, message in messages])
        except RefusedByBroker as error:
            reason = str(error)
        else:
            return []
        if len(messages) == 1:
            log.error("the broker refuses what is told of position %d: %s", messages[0].position, reason)
            return [(messages[0], reason)]
        middle = len(messages) // 2
        return self._publish(messages[:middle]) + self._publish(messages[middle:])

    def _parked(self, told: Told, reason: str) -> Parked:
        message = told.message
        return Parked(
            Message(
                topic=message.topic,
                topic_id=self._known_ids[message.topic],
                partition=-1,
                offset=told.position,
                key=message.key,
                value=message.value,
                headers=message.headers,
                timestamp=datetime.now(UTC),
            ),
            "refused_by_broker",
            reason,
        )

    def _tell_dead_letters(self) -> bool:
        if BILLING_DEAD_LETTERS not in self._known_ids:
            return False
        ids, messages = dead_letter_feed.read_untold(_DEAD_LETTERS)
        if not ids:
            return False
        untold = self._publish([Told(id_, letter) for id_, letter in zip(ids, messages, strict=True)])
        # Here a position is the letter's id.
        self._publish([Told(letter.position, dead_letter_feed.bare(letter.message)) for letter, _ in untold])
        dead_letter_feed.note_told(ids)
        self._progress.count(Counter(dead_letters=len(ids)), len(ids))
        return True

    def _start_over(self, what: str, error: Exception) -> None:
        """Everything is asked again after a while: topics, checkpoints, who leads."""
        self._positions.clear()
        self._known_ids = {}
        self._chores_at = float("-inf")
        delay = self._backoff.next()
        log.warning("%s, trying again in %.1f s: %s", what, delay, str(error).strip() or type(error).__name__)
        self._stop.wait(delay)


def _reach(*, after: int, upto: int, limit: int) -> tuple[int, int]:
    """How many events come next, `limit` at most, and up to which position that is.

    Positions that were rolled back leave gaps: behind the last event there may be nothing up to `upto`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            """select count(*), max(position)
               from (select position from events_event where position > %s and position <= %s
                     order by position limit %s) next""",
            [after, upto, limit],
        )
        count, last = cursor.fetchone()
    return count, last if count == limit else upto
