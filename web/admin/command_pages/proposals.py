"""The command pages that resolve a proposal. They find out what the proposal is about."""

from typing import Any

from typing_extensions import override

from ledger.queries import proposals
from ledger.requests.proposals import APPROVE, DECLINE
from web.admin.command_pages.command_page import CommandPage


class _ResolveProposal(CommandPage):
    @override
    def body_values(self, cleaned: dict[str, Any]) -> dict[str, Any]:
        """Return also the subject. A proposal that does not exist is refused, whatever the subject."""
        proposal = cleaned.get("proposal")
        found = None if proposal is None else proposals.find(str(proposal))
        subject = "adjustment" if found is None else found.subject
        return {**super().body_values(cleaned), "subject": subject}


class Approve(_ResolveProposal):
    """The page that approves a proposal."""

    request = APPROVE


class Decline(_ResolveProposal):
    """The page that declines a proposal."""

    request = DECLINE
