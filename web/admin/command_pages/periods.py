"""Command pages of periods: propose to close a month, or to reopen one."""

from datetime import datetime
from typing import Any, ClassVar

from typing_extensions import override

from ledger.domain.closing import PeriodAction, PeriodChange
from ledger.engine.submission import Submission
from ledger.requests import bodies, by_people
from ledger.requests.four_eyes import role_of
from web.admin.command_pages.command_page import CommandPage
from web.admin.command_pages.fields import MonthField, ReasonField, TextField


class _PeriodPage(CommandPage):
    """The base of both. The command is always a proposal."""

    permission = "ledger.add_bookperiod"
    body = bodies.PeriodProposal
    action: ClassVar[PeriodAction]

    period = MonthField()
    reason_code = TextField(help_text="A short name for reports, for example month-end or correction.")
    reason = ReasonField()

    @override
    def submission(self, *, now: datetime, **context: Any) -> Submission:
        change = PeriodChange(action=self.action, month=self.cleaned_data["period"])
        return by_people.change_period(self.parsed, change, role=role_of(self.person), now=now, **context)


class ClosePeriod(_PeriodPage):
    """Propose to close a month. Operations of a closed month that arrive later count in the month in which
    they are recorded.

    Months are closed in order, once they are over and everything that expired in them has been processed.
    """

    name = "close-period"
    title = "Propose to close a period"
    action = "close"


class ReopenPeriod(_PeriodPage):
    """Propose to reopen the month that was closed last. This deletes its frozen balances."""

    name = "reopen-period"
    title = "Propose to reopen a period"
    action = "reopen"
