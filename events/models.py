"""Tables of the log and of Kafka's positions. `events.store` writes the log; other writers are refused."""

from django.db import models
from django.utils import timezone


class Event(models.Model):
    """A fact, never changed. `position` orders all events."""

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    stream = models.CharField(max_length=120)
    type = models.CharField(max_length=60)
    schema_version = models.SmallIntegerField()
    data = models.JSONField()
    metadata = models.JSONField()
    occurred_at = models.DateTimeField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ("-position",)

    def __str__(self) -> str:
        return f"{self.position} {self.type}"


class Note(models.Model):
    """Free text that an event must not contain: the event has only its HMAC under `salt`.

    Erasing a person empties `salt` and `text`; every hash of the log stays valid.
    """

    event_id = models.UUIDField()
    name = models.CharField(max_length=60)
    salt = models.BinaryField(null=True)
    text = models.TextField(null=True)

    class Meta:
        db_table = "events_note"
        constraints = (models.UniqueConstraint("event_id", "name", name="events_note_once"),)

    def __str__(self) -> str:
        return f"{self.name} of {self.event_id}"


class Key(models.Model):
    """A used idempotency key: the event that answered it, and the fingerprint of its command."""

    pk = models.CompositePrimaryKey("source", "request_id")
    source = models.CharField(max_length=120)
    request_id = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    event_id = models.UUIDField()

    class Meta:
        db_table = "events_key"

    def __str__(self) -> str:
        return f"{self.source} {self.request_id}"


class Settled(models.Model):
    """The settled position, in one row: no event at or below `position` can still appear."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    position = models.BigIntegerField(default=0)

    class Meta:
        db_table = "events_settled"
        constraints = (models.CheckConstraint(condition=models.Q(id=1), name="events_settled_one_row"),)

    def __str__(self) -> str:
        return str(self.position)


class Checkpoint(models.Model):
    """The position that a reader of the log has reached, committed with what it wrote."""

    name = models.CharField(primary_key=True, max_length=200)
    position = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_checkpoint"

    def __str__(self) -> str:
        return f"{self.name} at {self.position}"


class Tally(models.Model):
    """Counts of what workers of one name did since the ledger was installed, updated every few seconds."""

    pk = models.CompositePrimaryKey("worker", "outcome")
    worker = models.CharField(max_length=40)
    outcome = models.CharField(max_length=40)
    count = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_tally"

    def __str__(self) -> str:
        return f"{self.worker} {self.outcome}: {self.count}"


class Heartbeat(models.Model):
    """The last sign of life of a process of a worker."""

    pk = models.CompositePrimaryKey("worker", "host", "pid")
    worker = models.CharField(max_length=40)
    host = models.CharField(max_length=255)
    pid = models.IntegerField()
    beat_at = models.DateTimeField()

    class Meta:
        db_table = "events_heartbeat"

    def __str__(self) -> str:
        return f"{self.worker} on {self.host} at {self.beat_at}"


class KafkaPosition(models.Model):
    """The next offset of a partition, moved in the transaction that posts the messages before it."""

    pk = models.CompositePrimaryKey("topic_id", "partition")
    topic_id = models.UUIDField()
    partition = models.IntegerField()
    topic = models.CharField(max_length=249)
    next_offset = models.BigIntegerField()
    end_offset = models.BigIntegerField(default=0)
    """The end of the partition when a worker last saw it."""
    alarm = models.TextField(null=True, blank=True)
    """The reason why the partition waits for an operator (`manage.py positions`)."""
    alarmed_at = models.DateTimeField(null=True, blank=True)
    updated_at = models.DateTimeField(default=timezone.now)

    class Meta:
        db_table = "events_kafka_position"

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}] at {self.next_offset}"


class StoredMessage(models.Model):
    """A message from Kafka, byte for byte, with its place in its topic and the reason why it is stored."""

    id = models.BigAutoField(primary_key=True)
    topic_id = models.UUIDField()
    topic = models.CharField(max_length=249)
    partition = models.IntegerField()
    offset = models.BigIntegerField()
    key = models.BinaryField(null=True)
    value = models.BinaryField(null=True)
    headers = models.JSONField(default=list)
    """`[[name, base64 of the value], …]`, in their order."""
    timestamp = models.DateTimeField()
    code = models.CharField(max_length=60)
    reason = models.TextField()
    stored_at = models.DateTimeField(default=timezone.now)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}: {self.code}"


class DeadLetter(StoredMessage):
    """A message that could not be posted. Its bytes never change.

    `code` and `reason` say why it is, or last was, open. A replay that fails gives it new ones.
    """

    class State(models.TextChoices):
        """The state after an operator's action."""

        OPEN = "open"
        REPLAYED = "replayed"
        DISMISSED = "dismissed"

    state = models.CharField(max_length=9, choices=State.choices, default=State.OPEN)
    published_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "events_dead_letter"
        ordering = ("-id",)
        constraints = (
            models.UniqueConstraint("topic_id", "partition", "offset", name="events_dead_letter_place"),
        )
        indexes = (
            models.Index(
                fields=("id",),
                condition=models.Q(published_at__isnull=True),
                name="events_dead_letter_untold",
            ),
        )


class LetterAct(models.Model):
    """An operator's action on a dead letter. Append-only.

    `key`, `value` and `headers` are the mended message; the latest one counts. `code` and `reason` are those
    of the dead letter at that time.
    """

    class Kind(models.TextChoices):
        """The action."""

        MENDED = "mended"
        REPLAYED = "replayed"
        DISMISSED = "dismissed"

    letter = models.ForeignKey(DeadLetter, on_delete=models.PROTECT, related_name="acts")
    kind = models.CharField(max_length=9, choices=Kind.choices)
    actor = models.CharField(max_length=200)
    at = models.DateTimeField(default=timezone.now)
    words = models.TextField(blank=True, default="")
    """The reason, in the operator's words."""
    code = models.CharField(max_length=60)
    reason = models.TextField()
    key = models.BinaryField(null=True)
    value = models.BinaryField(null=True)
    headers = models.JSONField(null=True)
    """Like those of the dead letter; null if nothing was mended."""

    class Meta:
        db_table = "events_letter_act"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.kind} by {self.actor}"


class WaitingMessage(StoredMessage):
    """A message that names something that is not known yet."""

    waits_for = models.CharField(max_length=60)
    """The missing thing: `user:42` or `machine:7`."""
    deadline = models.DateTimeField()

    class Meta:
        db_table = "events_waiting"
        ordering = ("id",)
        constraints = (
            models.UniqueConstraint("topic_id", "partition", "offset", name="events_waiting_place"),
        )
        indexes = (models.Index(fields=("waits_for",), name="events_waiting_for"),)
