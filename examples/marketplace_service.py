"""A marketplace, as its team would write it: it takes payments, sells, and tells the ledger.

    python -m examples.marketplace_service ORDERS --bootstrap-servers HOST:PORT

`ORDERS` is a file with an order a line, in each user's own order. Nobody spends before the ledger has
answered to what he paid in: a user's next order waits for the outcome of his payment or bill, and
nobody else waits for him. The service knows the ledger by what is on Kafka, and by nothing else.
"""

import argparse
from collections import deque
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from easyautoml_ledger import (
    BuyDataSource,
    CreditFromUser,
    MachineCopy,
    MachineCopyUpdate,
    PayABill,
    SolvingWithApiMarket,
)
from easyautoml_ledger.listeners import OutcomeListener
from easyautoml_ledger.operations import Operation
from easyautoml_ledger.publication import Publication
from easyautoml_ledger.publisher import Publisher
from easyautoml_ledger.topics import MARKETPLACE_SERVICE
from examples.shift import Shift, read_lines

SHIFT_SECONDS: Final = 60.0
_BRINGS_MONEY: Final = frozenset({"credit_from_user", "pay_a_bill"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What a user paid, turned into tokens or bought. `amount` and `unit_price` are USD.

    Without `at` it happens when it is published.
    """

    id: str
    kind: str
    user: int
    at: str | None = None
    amount: str | None = None
    payment_reference: str | None = None
    machine: int | None = None
    lines: int | None = None
    unit_price: str | None = None
    unsure: bool = False
    """Its acknowledgement was lost: it is sent again at the end of the shift."""


def main() -> None:
    """Works through the orders of a file."""
    parser = argparse.ArgumentParser(description="Publish payments, bills and sales to the ledger.")
    parser.add_argument("orders", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    orders = list(read_lines(arguments.orders, Order))
    print("marketplace service:", work(orders, arguments.bootstrap_servers))


def work(orders: list[Order], bootstrap_servers: str) -> str:
    """Publishes every order when its time has come, and waits for the answers; one line on them."""
    with (
        OutcomeListener(bootstrap_servers=bootstrap_servers, source=MARKETPLACE_SERVICE) as outcomes,
        Publisher(bootstrap_servers=bootstrap_servers, source=MARKETPLACE_SERVICE) as publisher,
    ):
        shift = Shift(publisher, outcomes, seconds=SHIFT_SECONDS)
        desk = Desk(shift, orders)
        desk.serve()
        shift.make_sure()
        unsure = {order.id for order in orders if order.unsure}
        shift.send_again([it for it in desk.publications if it.id in unsure])
        return shift.close()


class Desk:
    """Serves every user in the order of his own queue."""

    def __init__(self, shift: Shift, orders: list[Order]) -> None:
        self._shift = shift
        self._queues: dict[int, deque[Order]] = {}
        self._paying: dict[str, int] = {}
        self.publications: list[Publication] = []
        for order in orders:
            self._queues.setdefault(order.user, deque()).append(order)

    def serve(self) -> None:
        """Until every queue is empty. Raises `TimeoutError`."""
        for user in self._queues:
            self._next(user)
        while self._paying:
            for outcome in self._shift.hear():
                if outcome.request_id in self._paying:
                    self._next(self._paying.pop(outcome.request_id))

    def _next(self, user: int) -> None:
        """Publishes what a user ordered, up to and with the next that he has to wait for."""
        queue = self._queues[user]
        while queue:
            order = queue.popleft()
            publication = self._shift.publisher.publish(operation_of(order), id=order.id)
            self._shift.published(publication)
            self.publications.append(publication)
            if order.kind in _BRINGS_MONEY:
                self._paying[order.id] = user
                return


def operation_of(order: Order) -> Operation:
    """What the ledger is told of an order."""
    at = datetime.fromisoformat(order.at) if order.at else None
    match order.kind:
        case "credit_from_user":
            return CreditFromUser(
                operation_user=order.user,
                amount=Decimal(order.amount or 0),
                payment_reference=order.payment_reference or "",
                payment_provider="paywell",
                occurred_at=at,
            )
        case "pay_a_bill":
            return PayABill(operation_user=order.user, amount=Decimal(order.amount or 0), occurred_at=at)
        case _:
            return _sale_of(order, at)


def _sale_of(order: Order, at: datetime | None) -> Operation:
    user, machine = order.user, order.machine or 0
    unit_price = None if order.unit_price is None else Decimal(order.unit_price)
    match order.kind:
        case "solving_with_api_market":
            return SolvingWithApiMarket(
                operation_user=user,
                machine=machine,
                count_of_lines=order.lines or 0,
                unit_price=unit_price,
                occurred_at=at,
            )
        case "buy_data_source":
            return BuyDataSource(operation_user=user, machine=machine, unit_price=unit_price, occurred_at=at)
        case "machine_copy":
            return MachineCopy(operation_user=user, machine=machine, unit_price=unit_price, occurred_at=at)
        case "machine_copy_update":
            return MachineCopyUpdate(
                operation_user=user, machine=machine, unit_price=unit_price, occurred_at=at
            )
        case _:
            raise ValueError(f"{order.kind} is not what this service does")


if __name__ == "__main__":
    main()
