"""Doors of periods: propose to close a month, and to reopen one."""

from datetime import datetime
from typing import Any, ClassVar

from ledger.domain.closing import PeriodAction, PeriodChange
from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import MonthField, ReasonField, TextField


class _Propose(CommandPage):
    """What both share: always a proposal."""

    permission = "ledger.add_bookperiod"
    body = bodies.PeriodProposal
    action: ClassVar[PeriodAction]

    period = MonthField()
    reason_code = TextField(help_text="A short name to count by: month-end, correction.")
    reason = ReasonField()

    def submission(self, *, now: datetime, **who: Any) -> Submission:
        """As over HTTP, in the role of the person."""
        change = PeriodChange(action=self.action, month=self.cleaned_data["period"])
        return by_people.change_period(self.read, change, role=role_of(self.person), now=now, **who)


class ClosePeriod(_Propose):
    """Propose to close a month: what occurred in it and comes later counts when it is recorded.

    Months close one after the other, once they are over and what expired in them is swept.
    """

    name = "close-period"
    title = "Close a period"
    action = "close"


class ReopenPeriod(_Propose):
    """Propose to reopen the last month that was closed. Its frozen balances are gone then."""

    name = "reopen-period"
    title = "Reopen a period"
    action = "reopen"
