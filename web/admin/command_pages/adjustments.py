"""Doors of four eyes: adjust a balance or propose to, approve and decline what others proposed."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from ledger.domain.proposals import Subject
from ledger.engine.submission import Submission
from ledger.queries import proposals
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    ChosenField,
    ReasonField,
    TextField,
    UserField,
    UuidField,
)
from web.admin.decisions import texts_of
from web.admin.pages import moment
from web.admin.proposal_text import in_words

_ACCOUNTS: Final = {
    "usd": "USD",
    "eaml": "EAML",
    "coupon": "coupons (USD)",
    "due:usd": "what is due in USD",
    "due:eaml": "what is due in EAML",
}
_DIRECTIONS: Final = {"up": "up", "down": "down"}


class Adjust(CommandPage):
    """Put an amount on an account of a user, or take it off. Down on what is due writes it off.

    What is more than your role adjusts alone in a day waits for a second person.
    """

    name = "adjust"
    title = "Adjust a balance"
    permission = "ledger.add_proposedchange"
    body = bodies.Adjustment

    operation_user = UserField()
    account = ChosenField(_ACCOUNTS)
    direction = ChosenField(_DIRECTIONS)
    amount = AmountField("")
    reason_code = TextField(help_text="A short name to count by: goodwill, correction, write-off.")
    reason = ReasonField()
    evidence = TextField(required=False, help_text="A link to what shows that it is right.")

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP, in the role of the person."""
        return by_people.adjust_balance(self.read, role=role_of(self.person), now=now, **who)


class _Resolve(CommandPage):
    """What approving and declining share."""

    permission = "ledger.change_proposedchange"

    proposal = UuidField(help_text="Id.")

    @property
    def about(self) -> Iterator[tuple[str, object]]:
        """What was proposed, by whom and why."""
        proposal = self.named("proposal")
        found = None if proposal is None else proposals.find(str(proposal))
        if found is not None:
            yield "Proposed", in_words(found.subject, found.user, found.body)
            yield "By", found.proposer
            yield "Reason", found.reason_code
            yield "Texts", texts_of(found.id)
            yield "Expires", moment(found.expires_at)

    def _submission(self, *, approve: bool, **who: Any) -> Submission:
        proposal = self.cleaned_data["proposal"]
        found = proposals.find(str(proposal))
        # Where there is none, the ledger says so, whatever it might have been about.
        subject: Subject = "adjustment" if found is None else found.subject
        role = role_of(self.person)
        return by_people.resolve_proposal(self.read, proposal, subject, approve=approve, role=role, **who)


class Approve(_Resolve):
    """Do what somebody else proposed. Nobody approves what he proposed himself."""

    name = "approve"
    title = "Approve a proposal"
    body = bodies.Body

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP, in the role of the person."""
        return self._submission(approve=True, now=now, **who)


class Decline(_Resolve):
    """Do nothing of what was proposed. Who declined it and why is kept."""

    name = "decline"
    title = "Decline a proposal"
    body = bodies.Decline

    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP, in the role of the person."""
        return self._submission(approve=False, now=now, **who)
