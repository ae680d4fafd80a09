"""Command pages of adjustments and proposals: adjust a balance, approve or decline a proposal."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from typing_extensions import override

from ledger.domain.proposals import Subject
from ledger.engine.submission import Submission
from ledger.queries import proposals
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import (
    AmountField,
    ReasonField,
    SelectField,
    TextField,
    UserField,
    UuidField,
)
from web.admin.decisions import notes_of
from web.admin.formatting import utc_time
from web.admin.proposal_text import in_words

_ACCOUNTS: Final = {
    "usd": "USD",
    "eaml": "EAML",
    "coupon": "coupons (USD)",
    "due:usd": "debt in USD",
    "due:eaml": "debt in EAML",
}
_DIRECTIONS: Final = {"up": "increase", "down": "decrease"}


class Adjust(CommandPage):
    """Increase or decrease the balance of a user's account. Decreasing a debt writes it off.

    An adjustment above the daily limit of your role becomes a proposal that a second person must approve.
    """

    name = "adjust"
    title = "Adjust a balance"
    permission = "ledger.add_proposedchange"
    body = bodies.Adjustment

    operation_user = UserField()
    account = SelectField(_ACCOUNTS)
    direction = SelectField(_DIRECTIONS)
    amount = AmountField("")
    operation = UuidField(
        required=False, help_text="ID of the user's operation that this corrects or completes, if any."
    )
    reason_code = TextField(
        help_text="A short name for reports, for example goodwill, correction or write-off."
    )
    reason = ReasonField()
    evidence = TextField(
        required=False, help_text="A link that supports the adjustment, for example to a ticket."
    )

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return by_people.adjust_balance(self.parsed, role=role_of(self.person), now=now, **context)


class _ResolveProposal(CommandPage):
    """The base of approving and declining."""

    permission = "ledger.change_proposedchange"

    proposal = UuidField(help_text="ID of the proposal.")

    @property
    @override
    def target(self) -> Iterator[tuple[str, object]]:
        proposal = self.uuid_in("proposal")
        found = None if proposal is None else proposals.find(str(proposal))
        if found is not None:
            yield "Proposed", in_words(found.subject, found.user, found.body)
            yield "Proposed by", found.proposer
            yield "Reason code", found.reason_code
            yield "Notes", notes_of(found.id)
            yield "Expires", utc_time(found.expires_at)

    def _submission(self, *, approve: bool, **context: Any) -> Submission:
        proposal = self.cleaned_data["proposal"]
        found = proposals.find(str(proposal))
        # If there is no such proposal the ledger refuses the command, whatever the subject.
        subject: Subject = "adjustment" if found is None else found.subject
        role = role_of(self.person)
        return by_people.resolve_proposal(
            self.parsed, proposal, subject, approve=approve, role=role, **context
        )


class Approve(_ResolveProposal):
    """Approve a proposal of another person, which carries it out. You cannot approve your own proposals."""

    name = "approve"
    title = "Approve a proposal"
    body = bodies.Body

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return self._submission(approve=True, now=now, **context)


class Decline(_ResolveProposal):
    """Decline a proposal: nothing of it is carried out. Your name and the reason are recorded."""

    name = "decline"
    title = "Decline a proposal"
    body = bodies.Decline

    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        return self._submission(approve=False, now=now, **context)
