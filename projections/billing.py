"""The older system's billing table: its imported rows, and one row for each operation of the nine kinds.

Amounts are USD. Payments in tokens are converted at the rate of the tariff that priced them, rounded
half to even at 8 places; they are for display, and no balance is made from them. An income is what the
owner received, after commission; a cost is what the user paid or owes, before commission.
"""

from collections.abc import Mapping, Sequence
from decimal import ROUND_HALF_EVEN, Context, Decimal
from operator import itemgetter
from typing import Any, ClassVar, Final

from events.copying import NULL, write_rows
from events.message import StoredEvent
from ledger.domain.chart import user_account
from ledger.domain.decide import OPERATION_TYPES
from ledger.domain.money import QUANTUM, ZERO, text
from ledger.engine.tariffs import read_tariffs
from ledger.imports.legacy_billing import EVENT_TYPE
from projections.deleted import deleted_at
from projections.projection import Table

_WIDE: Final = Context(prec=60)

_COLUMNS: Final = (
    "machine_id",
    "machine_owner_user_id",
    "Operation_User_id",
    "OperationIsTraining",
    "CountOfLinesTraining",
    "CountOfTrainingEpoch",
    "TrainingCostMachineUSD",
    "OperationIsSolving",
    "CountOfLinesSolvedOwner",
    "SolvingCostMachineUSD",
    "OperationIsSolvingAPI",
    "CountOfLinesSolvedAPI",
    "SolvingAPIIncomeUSD",
    "SolvingAPITotalCostUSD",
    "OperationIsBuyDataSource",
    "BuyDataSourceIncomeUSD",
    "OperationIsMachineCopy",
    "MachineCopyIncomeUSD",
    "OperationIsMachineCopyUpdate",
    "MachineCopyUpdateIncomeUSD",
    "OperationIsMachineExport",
    "MachineExportIncomeUSD",
    "MachineExportCostUSD",
    "CreditFromIXIOO",
    "CreditFromUser",
    "operation_position",
)
_QUOTED: Final = tuple(f'"{name}"' for name in _COLUMNS)
_AT: Final = {name: number for number, name in enumerate(_COLUMNS)}
_EMPTY: Final = (NULL,) * len(_COLUMNS)
_LIVING: Final = """
    (r."Operation_User_id" is null or exists (select from models_user u where u.id = r."Operation_User_id"))
    and (r.machine_owner_user_id is null
         or exists (select from models_user u where u.id = r.machine_owner_user_id))
    and (r.machine_id is null or exists (select from models_machine m where m.id = r.machine_id))"""


class LegacyBilling:
    """Rows are deleted with their user, owner or machine, and are not rebuilt.

    The work of a hold may be paid after its machine was deleted, and such an operation has no row. The log
    does not say whether a machine that came again is the one of the hold, so none of the captures for a
    machine or a user who was ever deleted has a row.
    """

    name: ClassVar[str] = "billing"
    tables: ClassVar[Sequence[Table]] = (
        Table(
            name="models_billing",
            key=("operation_position",),
            columns=_COLUMNS[:-1],
            living=_LIVING,
        ),
    )

    def apply(self, cursor: Any, events: Sequence[StoredEvent]) -> None:
        """Add a row for every recorded operation of the nine kinds, and for every imported one."""
        rates = _rates(cursor, events)
        rows = [_imported(event) for event in events if event.type == EVENT_TYPE]
        recorded = (event for event in events if event.type in OPERATION_TYPES)
        rows += [row for event in recorded if (row := _row(event, rates)) is not None]
        rows.sort(key=itemgetter("operation_position"))
        machines = deleted_at(cursor, "machine", {row.get("machine_id") for row in rows})
        users = deleted_at(
            cursor,
            "user",
            {row.get(name) for row in rows for name in ("machine_owner_user_id", "Operation_User_id")},
        )
        if machines or users:
            captures = {event.position for event in events if event.type == "hold.captured"}
            rows = [
                row
                for row in rows
                if not any(
                    (gone := deletions.get(row.get(name, 0), 0)) > row["operation_position"]
                    or (gone and row["operation_position"] in captures)
                    for name, deletions in (
                        ("machine_id", machines),
                        ("machine_owner_user_id", users),
                        ("Operation_User_id", users),
                    )
                )
            ]
        write_rows(cursor, "models_billing", _QUOTED, map(_line, rows))


def _imported(event: StoredEvent) -> dict[str, Any]:
    """Return the columns of an imported row."""
    return {**event.data["command"]["row"], "operation_position": event.position}


def _line(row: Mapping[str, Any]) -> str:
    """Return a row as a line of COPY, from the columns that are not empty: numbers, amounts and booleans."""
    values = list(_EMPTY)
    for name, value in row.items():
        if value is not None:
            values[_AT[name]] = str(value)
    return "\t".join(values)


def _row(event: StoredEvent, rates: Mapping[int, Decimal]) -> dict[str, Any] | None:
    """Return the columns of an operation that are not empty; None for a kind that the table never had."""
    data, command = event.data, event.data["command"]
    lines = command.get("count_of_lines")
    own: dict[str, Any]
    match data["kind"]:
        case "training":
            own = {
                "OperationIsTraining": True,
                "CountOfLinesTraining": lines,
                "CountOfTrainingEpoch": command.get("count_of_training_epoch"),
                "TrainingCostMachineUSD": _cost_of_tokens(data, rates),
            }
        case "solving":
            own = {
                "OperationIsSolving": True,
                "CountOfLinesSolvedOwner": lines,
                "SolvingCostMachineUSD": _cost_of_tokens(data, rates),
            }
        case "solving_with_api":
            own = {
                "OperationIsSolvingAPI": True,
                "CountOfLinesSolvedAPI": lines,
                "SolvingAPITotalCostUSD": _cost_of_tokens(data, rates),
            }
        case "solving_with_api_market":
            own = {
                "OperationIsSolvingAPI": True,
                "CountOfLinesSolvedAPI": lines,
                "SolvingAPIIncomeUSD": _income(data),
                "SolvingAPITotalCostUSD": text(_paid(data)),
            }
        case "buy_data_source":
            own = {"OperationIsBuyDataSource": True, "BuyDataSourceIncomeUSD": _income(data)}
        case "machine_copy":
            own = {"OperationIsMachineCopy": True, "MachineCopyIncomeUSD": _income(data)}
        case "machine_copy_update":
            own = {"OperationIsMachineCopyUpdate": True, "MachineCopyUpdateIncomeUSD": _income(data)}
        case "credit_from_user":
            own = {"CreditFromUser": command["amount"]}
        case "pay_a_bill":
            own = {"CreditFromIXIOO": command["amount"]}
        case _:
            return None
    return {
        "machine_id": data.get("machine", command.get("machine")),
        "machine_owner_user_id": data.get("machine_owner"),
        "Operation_User_id": data.get("operation_user", command.get("operation_user")),
        **own,
        "operation_position": event.position,
    }


def _rates(cursor: Any, events: Sequence[StoredEvent]) -> dict[int, Decimal]:
    """Return EAML per USD by version, for the tariffs that priced the events. A published tariff never
    changes.
    """
    if not any("tariff" in event.data.get("pricing", ()) for event in events):
        return {}
    return {tariff.version: tariff.eaml_per_usd for tariff in read_tariffs(cursor)}


def _cost_of_tokens(data: Mapping[str, Any], rates: Mapping[int, Decimal]) -> str:
    tokens = sum((Decimal(transfer["amount"]) for transfer in data["transfers"]), ZERO)
    usd = _WIDE.divide(tokens, rates[data["pricing"]["tariff"]])
    return text(usd.quantize(QUANTUM, ROUND_HALF_EVEN, _WIDE))


def _paid(data: Mapping[str, Any]) -> Decimal:
    purse = user_account(data["payer"], "usd")
    return sum((Decimal(t["amount"]) for t in data["transfers"] if t["debit"] == purse), ZERO)


def _income(data: Mapping[str, Any]) -> str:
    purse = user_account(data["machine_owner"], "usd")
    return text(sum((Decimal(t["amount"]) for t in data["transfers"] if t["credit"] == purse), ZERO))
