"""Publishes the log to Kafka: the log is the outbox.

# Note [Publishing]
One relay reads the settled events in order, publishes them in a Kafka transaction, and moves its checkpoint
after the broker has acknowledged. If it stops in between, the same events are published again: at least once,
in order per key, with the event's id for deduplication. Checkpoints are kept per topic id, so a topic that
was deleted and recreated receives everything.

# Note [Fence, then read]
A new producer fences all earlier ones. So checkpoints are read, or checked again, after ours has begun: read
earlier, they could belong to a relay that has moved on since, and its messages would be published again
behind newer ones. A compacted topic would then keep the older balance for ever.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from django.db import connection

from events.kafka import checkpoints, dead_letter_feed
from events.kafka.checkpoints import Overtaken
from events.kafka.errors import KafkaError
from events.kafka.feeds import Feed, FeedMessage
from events.kafka.incoming_ends import IncomingEnds
from events.kafka.leadership import Leadership
from events.kafka.message import Message
from events.kafka.progress import Progress
from events.kafka.publisher import Publisher, RefusedByBroker
from events.kafka.stored_messages import Parked
from events.kafka.topics import TopicIds
from events.poison import isolate
from events.settler import Settler
from events.worker import DATABASE_AWAY, Attempts, Stop

log = logging.getLogger(__name__)

_REST: Final = 0.05
_CHORES_EVERY: Final = 1.0
_DEAD_LETTERS: Final = 100
_PASSING: Final = {
    **DATABASE_AWAY,
    KafkaError: "nothing was published",
    Overtaken: "another relay publishes",
}


class Relay:
    """A relay process; of several, one publishes at a time.

    `batch` is the number of events per transaction. Dead letters are published to `dead_letter_topic`. The
    ends of the `incoming` topics are stored, because `ingest` may not run.
    """

    def __init__(
        self,
        *,
        feeds: Sequence[Feed],
        dead_letter_topic: str,
        transactional_id: str,
        stop: Stop,
        batch: int = 2000,
        leadership: Leadership | None = None,
        incoming: Sequence[str] = (),
    ) -> None:
        self._feeds = feeds
        self._dead_letter_topic = dead_letter_topic
        self._stop = stop
        self._batch = batch
        self._publisher = Publisher(transactional_id=transactional_id, stop=stop)
        self._leadership = leadership or Leadership()
        self._settler = Settler()
        self._ids = TopicIds(client="relay-ids")
        self._incoming = IncomingEnds(incoming, self._ids)
        self._progress = Progress("relay")
        self._positions: dict[tuple[str, str], int] = {}
        self._known_ids: dict[str, str] = {}
        self._missing: set[str] = set()
        self._leads = False
        self._chores_at = float("-inf")
        self._settled = 0

    def run(self) -> None:
        """Publish until a stop is requested."""
        log.info("relay: publishing to %s", ", ".join(feed.topic for feed in self._feeds))
        attempts = Attempts(self._stop, worker="relay", passing=_PASSING, recover=self._recover)
        try:
            attempts.run(self._step, rest_seconds=_REST)
        finally:
            self._progress.report(self.lag(), len(self))
            self.close()

    def close(self) -> None:
        """Close the connections to the broker and give up leadership."""
        self._publisher.close()
        self._incoming.close()
        self._ids.close()
        self._leadership.give_up()

    def lag(self) -> int:
        """Return the number of settled positions that are not published on every topic yet."""
        behind = [self._settled - position for position in self._positions.values()]
        return max(behind, default=0)

    def __len__(self) -> int:
        return len(self._positions)

    def _step(self) -> bool:
        worked = self.step()
        self._progress.report_if_due(self)
        return worked

    def _recover(self, error: Exception) -> None:
        """Look everything up again: topics, checkpoints and leadership."""
        if isinstance(error, KafkaError | Overtaken):
            self._publisher.close()
        else:
            self._leadership.give_up()
        self._positions.clear()
        self._known_ids = {}
        self._chores_at = float("-inf")
        self._progress.report_if_due(self)

    def step(self) -> bool:
        """Publish the next batch; return whether there was one."""
        self._settled = self._settler.advance()
        now = time.monotonic()
        worked = False
        if now - self._chores_at >= _CHORES_EVERY:
            self._chores_at = now
            self._leads = self._leadership.holds()
            if self._leads:
                self._check_topics()
                worked = self._publish_dead_letters()
                self._incoming.note_if_due()
        if not self._leads or not self._positions:
            return False
        position = min(self._positions.values())
        if position >= self._settled:
            return worked
        return self._publish_after(position) or worked

    def _check_topics(self) -> None:
        """Start publishing to topics that are new, or were created again."""
        names = [feed.topic for feed in self._feeds]
        ids = self._ids.look_up([*names, self._dead_letter_topic])
        missing = {*names, self._dead_letter_topic} - ids.keys()
        if missing - self._missing:
            log.warning("missing topics: %s; `manage.py topics` creates them", ", ".join(sorted(missing)))
        self._missing = missing
        if ids == self._known_ids:
            return
        if self._known_ids:
            # A producer that knows the old topic would continue its sequence numbers.
            self._publisher.close()
        self._positions.clear()
        self._known_ids = {}
        self._ensure_producer()
        for feed in self._feeds:
            if feed.topic in ids:
                self._positions[feed.topic, ids[feed.topic]] = self._begin(feed, ids[feed.topic])
        if (
            self._dead_letter_topic in ids
            and checkpoints.read(self._dead_letter_topic, ids[self._dead_letter_topic]) is None
        ):
            dead_letter_feed.republish_open()
            checkpoints.start(self._dead_letter_topic, ids[self._dead_letter_topic], 0)
        self._known_ids = ids

    def _ensure_producer(self) -> None:
        """Start a producer if there is none. Raises `Overtaken`: Note [Fence, then read]."""
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
            # The snapshot is read later, so it covers everything settled now.
            position = self._settled
            for messages in snapshot:
                self._publish([FeedMessage(position, message) for message in messages])
        log.info("%s is new (%s): publishing the log after position %d", feed.topic, topic_id, position)
        checkpoints.start(feed.topic, topic_id, position)
        return position

    def _publish_after(self, position: int) -> bool:
        """Publish the next events to the topics that are furthest behind."""
        behind = {topic for topic, at in self._positions.items() if at == position}
        ahead = [at for at in self._positions.values() if at > position]
        upto = min([self._settled, *ahead])
        count, reached = _reach(after=position, upto=upto, limit=self._batch)
        names = {topic for topic, _ in behind}
        messages = [
            message
            for feed in self._feeds
            if feed.topic in names
            for message in feed.messages(after=position, upto=reached)
        ]
        refused = self._publish(messages)
        checkpoints.move(sorted(behind), position, reached, [self._parked(*item) for item in refused])
        for topic in behind:
            self._positions[topic] = reached
        self._progress.count(Counter(events=count, refused=len(refused)), len(messages))
        return count > 0

    def _publish(self, messages: Sequence[FeedMessage]) -> list[tuple[FeedMessage, str]]:
        """Publish in order; return the messages that the broker refuses, with its reasons."""
        if not messages:
            return []
        return isolate(
            messages,
            self._attempt,
            give_up=self._refused,
            causes=(RefusedByBroker,),
            is_cause=lambda _: True,
        )

    def _attempt(self, messages: Sequence[FeedMessage]) -> tuple[()]:
        self._ensure_producer()
        self._publisher.publish([message for _, message in messages])
        return ()

    def _refused(self, message: FeedMessage, error: Exception) -> list[tuple[FeedMessage, str]]:
        log.error("the broker refuses the message of position %d: %s", message.position, error)
        return [(message, str(error))]

    def _parked(self, refused: FeedMessage, reason: str) -> Parked:
        message = refused.message
        return Parked(
            Message(
                topic=message.topic,
                topic_id=self._known_ids[message.topic],
                partition=-1,
                offset=refused.position,
                key=message.key,
                value=message.value,
                headers=message.headers,
                timestamp=datetime.now(UTC),
            ),
            "refused_by_broker",
            reason,
        )

    def _publish_dead_letters(self) -> bool:
        if self._dead_letter_topic not in self._known_ids:
            return False
        ids, messages = dead_letter_feed.read_unpublished(self._dead_letter_topic, _DEAD_LETTERS)
        if not ids:
            return False
        refused = self._publish([FeedMessage(*pair) for pair in zip(ids, messages, strict=True)])
        # For dead letters, the position is the id.
        self._publish(
            [
                FeedMessage(dead_letter.position, dead_letter_feed.without_content(dead_letter.message))
                for dead_letter, _ in refused
            ]
        )
        dead_letter_feed.mark_published(ids)
        self._progress.count(Counter(dead_letters=len(ids)), len(ids))
        return True


def _reach(*, after: int, upto: int, limit: int) -> tuple[int, int]:
    """Return the number of next events, at most `limit`, and the position that they reach.

    Positions that were rolled back leave gaps, so there may be no event up to `upto`.
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
