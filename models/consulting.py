"""Consulting requests and the contracts that they become."""

from decimal import Decimal
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.db.models.functions import Length
from django.db.models.lookups import LessThanOrEqual

from models.errors import TransitionRefused
from models.fields import SizedBinaryField
from models.ledger_post import is_installed, ledger
from models.machine import Machine
from models.money import exact_amount
from models.status import StatusModel, StatusQuerySet, exactly_one, flag_set
from models.team import Team
from models.user import User

CATEGORIES = [
    ("1", "Data Engineering"),
    ("2", "Machine performance"),
    ("3", "API Integration"),
    ("4", "Other"),
]

OPEN = "is_status_request_open"
WAITING_APPROVAL = "is_status_waiting_consultant_approval"
CONTRACT = "is_status_contract"
FINISHED = "is_status_contract_finished"
CANCELLED = "is_status_cancelled"

FOLLOWS = {
    OPEN: (WAITING_APPROVAL, CANCELLED),
    WAITING_APPROVAL: (CONTRACT, OPEN, CANCELLED),
    CONTRACT: (FINISHED, CANCELLED),
    FINISHED: (),
    CANCELLED: (),
}

ConsultingRequestManager = models.Manager.from_queryset(StatusQuerySet)


class ConsultingRequest(StatusModel):
    """A request for help with a machine, and the contract that it becomes."""

    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True)
    team = models.ForeignKey(Team, on_delete=models.CASCADE, null=True, blank=True)
    category = models.CharField(max_length=1, choices=CATEGORIES)
    description = models.TextField(blank=True)
    file = SizedBinaryField(size_class=3, null=True, blank=True)
    machine = models.ForeignKey(Machine, on_delete=models.CASCADE, null=True, blank=True)

    # Status tracking
    is_status_request_open = models.BooleanField(blank=True, null=True)
    is_status_waiting_consultant_approval = models.BooleanField(blank=True, null=True)
    is_status_contract = models.BooleanField(blank=True, null=True)
    is_status_contract_finished = models.BooleanField(blank=True, null=True)
    is_status_cancelled = models.BooleanField(blank=True, null=True)

    # Contract details
    consultant_user = models.ForeignKey(
        User, on_delete=models.CASCADE, related_name="Consultant_User", null=True, blank=True
    )
    amount_usd = models.IntegerField(null=True, blank=True, validators=[MinValueValidator(0)])
    budget_estimation = models.FloatField(null=True, blank=True, validators=[MinValueValidator(0)])
    delay_days = models.IntegerField(null=True, blank=True, validators=[MinValueValidator(0)])

    follows = FOLLOWS
    status_prefix = "is_status_"

    objects: ClassVar[models.Manager["ConsultingRequest"]] = ConsultingRequestManager()

    class Meta:
        constraints = (
            models.CheckConstraint(condition=exactly_one(FOLLOWS), name="consulting_exactly_one_status"),
            models.CheckConstraint(
                condition=LessThanOrEqual(Length("file"), 256**3), name="consulting_file_fits"
            ),
            models.CheckConstraint(
                condition=models.Q(amount_usd__gte=0), name="consulting_amount_not_negative"
            ),
        )

    def __init__(self, *args: object, **kwargs: object) -> None:
        # A new request is open unless another status is given.
        if not args and not kwargs.keys() & FOLLOWS.keys():
            kwargs[OPEN] = True
        super().__init__(*args, **kwargs)

    def __str__(self) -> str:
        return f"{self.get_category_display()}: {self.status}"

    def clean(self) -> None:
        """Check that a contract has a consultant and an amount, and that the consultant is not the client."""
        super().clean()
        if self.is_status_contract or self.is_status_contract_finished:
            self._check_terms()
        if self.consultant_user_id is not None and self.consultant_user_id == self.user_id:
            raise ValidationError("A user cannot be their own consultant.")

    def ask_consultant(self, consultant: User, *, amount_usd: int, delay_days: int) -> None:
        """Offer the request to a consultant, who approves or declines."""
        self._change_status(
            WAITING_APPROVAL,
            consultant_user=consultant,
            amount_usd=amount_usd,
            delay_days=delay_days,
        )

    def approve(self) -> None:
        """Make the request a contract, on the consultant's approval; the client's money goes into escrow.

        This and the other steps of a contract raise the same errors.

        Raises:
            TransitionRefused: the current status does not allow the step.
            django.core.exceptions.ValidationError: there is no consultant or no amount.
            LedgerNotInstalled: money would move, and the settings name no ledger.
            Exception: the ledger rejected it, for example because the client's balance is too low.
        """
        self._check_terms()
        self._move("contract", CONTRACT)

    def decline(self) -> None:
        """Open the request again, because the consultant declined."""
        self._change_status(OPEN, consultant_user=None)

    def finish(self) -> None:
        """Finish the contract: the consultant is paid the amount less the commission."""
        self._move("finish", FINISHED)

    def split(self, amount_usd: object) -> None:
        """Finish the contract by agreement.

        The consultant gets this amount less the commission, and the client the rest.
        """
        self._move("split", FINISHED, amount=exact_amount(amount_usd))

    def cancel(self) -> None:
        """Cancel the request or the contract; the money in escrow goes back to the client."""
        if self.is_status_contract:
            self._move("cancel", CANCELLED)
        else:
            self._change_status(CANCELLED)

    def _move(self, step: str, flag: str, *, amount: Decimal | None = None) -> None:
        """Take a step that moves money; the ledger sets the status in the same transaction."""
        old = flag_set(self, self.follows, what="status")
        if flag not in self.follows[old]:
            raise self._transition_refused(old, flag)
        if not self.amount_usd and not is_installed():
            self._change_status(flag)
            return
        ledger("Moving the money of a contract").move_contract(contract_id=self.pk, step=step, amount=amount)
        self.refresh_from_db(fields=list(self.follows))

    def _check_transition(self, using: str | None) -> None:
        super()._check_transition(using)
        old, new = self._status_loaded, flag_set(self, self.follows, what="status")
        if old != new and CONTRACT in {old, new} and self.amount_usd and is_installed():
            raise TransitionRefused(
                f"{self._meta.object_name} {self.pk}: the money has to move with the status; use approve(), "
                "finish(), split() or cancel()."
            )

    def _check_terms(self) -> None:
        if self.consultant_user_id is None or self.amount_usd is None:
            raise ValidationError("A contract needs a consultant and an amount.")
