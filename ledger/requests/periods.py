"""The requests of periods: propose to close a month, or to reopen one."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Final

from pydantic import StringConstraints

from easyautoml_ledger.text import Code, Reason
from ledger.domain.closing import ChangePeriod, PeriodAction, PeriodChange
from ledger.domain.periods import MONTH_PATTERN, Month
from ledger.engine.submission import Sender
from ledger.requests.body import Body
from ledger.requests.request import Page, Request, Route, Shown

MonthText = Annotated[str, StringConstraints(pattern=f"^{MONTH_PATTERN}$")]

_REASON_CODE: Final = Shown(help="A short name for reports, for example month-end or correction.")


class PeriodProposal(Body):
    """Propose to close or reopen a period, and say why."""

    period: MonthText
    reason_code: Code
    reason: Reason


def _change(action: PeriodAction) -> Callable[[PeriodProposal, Sender, datetime], ChangePeriod]:
    def command(message: PeriodProposal, sender: Sender, at: datetime) -> ChangePeriod:
        return ChangePeriod(
            change=PeriodChange(action=action, month=Month.parse(message.period)),
            occurred_at=at,
            actor=sender.actor,
            role=sender.role,
            reason_code=message.reason_code,
        )

    return command


CLOSE_PERIOD: Final = Request(
    tag="period.close",
    message=PeriodProposal,
    command=_change("close"),
    erasable=("reason",),
    routes=(
        Route(
            path="/periods/{period}/close",
            scope="ledger:admin",
            operation_id="propose_closing",
            summary="Propose to close a period",
            description="""\
Propose to close a month. 202: the `proposal` waits for a second person.

Months are closed in order, after they have ended.""",
            proposes="always",
        ),
    ),
    page=Page(
        name="close-period",
        title="Propose to close a period",
        permission="ledger.add_bookperiod",
        description="Propose to close a month. Operations of a closed month that arrive later count in the "
        "month in which they are recorded.\n\n"
        "Months are closed in order, once they are over and everything that expired in them has been "
        "processed.",
        shown={"reason_code": _REASON_CODE},
    ),
)

REOPEN_PERIOD: Final = Request(
    tag="period.reopen",
    message=PeriodProposal,
    command=_change("reopen"),
    erasable=("reason",),
    routes=(
        Route(
            path="/periods/{period}/reopen",
            scope="ledger:admin",
            operation_id="propose_reopening",
            summary="Propose to reopen a period",
            description="Propose to reopen the last closed month. 202: the `proposal` waits for a second "
            "person.",
            proposes="always",
        ),
    ),
    page=Page(
        name="reopen-period",
        title="Propose to reopen a period",
        permission="ledger.add_bookperiod",
        description="Propose to reopen the month that was closed last. This deletes its frozen balances.",
        shown={"reason_code": _REASON_CODE},
    ),
)

CHANGES: Final = {"close": CLOSE_PERIOD, "reopen": REOPEN_PERIOD}
