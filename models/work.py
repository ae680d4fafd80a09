"""Works: the training and solving that servers do for machines."""

from typing import ClassVar

from django.db import models
from django.utils import timezone

from models.machine import Machine
from models.server import Server
from models.status import StatusModel, StatusQuerySet, exactly_one, flag_set

MODES = ("is_work_training", "is_work_solving")

WAITING = "is_work_status_wait_for_server_start"
PROCESSING = "is_work_status_server_processing"
FINISHED = "is_work_status_server_finished"
ERROR = "is_work_status_server_error"

FOLLOWS = {
    WAITING: (PROCESSING, ERROR),
    PROCESSING: (FINISHED, ERROR, WAITING),
    ERROR: (WAITING,),
    FINISHED: (),
}

WorkManager = models.Manager.from_queryset(StatusQuerySet)


class Work(StatusModel):
    """One piece of work, with exactly one mode and exactly one status."""

    machine = models.ForeignKey(Machine, related_name="Work", on_delete=models.CASCADE)
    server = models.ForeignKey(Server, on_delete=models.CASCADE, null=True, blank=True)

    # Work types
    is_work_training = models.BooleanField(null=True, blank=True)
    is_work_solving = models.BooleanField(null=True, blank=True)

    # Status tracking
    is_work_status_wait_for_server_start = models.BooleanField(null=True, blank=True)
    is_work_status_server_processing = models.BooleanField(null=True, blank=True)
    is_work_status_server_finished = models.BooleanField(null=True, blank=True)
    is_work_status_server_error = models.BooleanField(null=True, blank=True)

    # Timing
    work_started_at_date_time = models.DateTimeField(auto_now=True)
    work_finished_at_date_time = models.DateTimeField(null=True, blank=True)
    work_duration_estimation_seconds = models.DecimalField(
        max_digits=20, decimal_places=8, null=True, blank=True
    )

    follows = FOLLOWS
    status_prefix = "is_work_status_"

    objects: ClassVar[models.Manager["Work"]] = WorkManager()

    class Meta:
        indexes = (
            # Only a few works are waiting at a time, so a partial index stays small.
            models.Index(
                fields=["id"],
                condition=models.Q(is_work_status_wait_for_server_start=True),
                name="work_waiting",
            ),
        )
        constraints = (
            models.CheckConstraint(condition=exactly_one(MODES), name="work_exactly_one_mode"),
            models.CheckConstraint(condition=exactly_one(FOLLOWS), name="work_exactly_one_status"),
        )

    def __str__(self) -> str:
        return f"work {self.pk}: {self.mode}, {self.status}"

    @property
    def mode(self) -> str:
        """``training`` or ``solving``."""
        return flag_set(self, MODES, what="mode").removeprefix("is_work_")

    def clean(self) -> None:
        """Check that exactly one mode and one status are set."""
        super().clean()
        flag_set(self, MODES, what="mode")

    def start(self, server: Server | None = None) -> None:
        """Assign the work to a server that processes it; if two servers try at once, one is refused."""
        self._change_status(PROCESSING, server=server or self.server)

    def finish(self) -> None:
        """Mark the work as finished."""
        self._change_status(FINISHED, work_finished_at_date_time=timezone.now())

    def fail(self) -> None:
        """Mark the work as failed."""
        self._change_status(ERROR, work_finished_at_date_time=timezone.now())

    def wait_again(self) -> None:
        """Let the work wait for a server again, after an error or the loss of its server."""
        self._change_status(WAITING, work_finished_at_date_time=None)
