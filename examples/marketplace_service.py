"""A marketplace that takes payments, sells, and publishes all of it to the ledger.

    python -m examples.marketplace_service ORDERS --bootstrap-servers HOST:PORT

Each line of the file `ORDERS` is an order; those of a user are in order. After a payment or bill, the
next order of the same user waits for its outcome, while other users continue. It uses only Kafka.
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
from examples.session import Session, read_lines

SESSION_SECONDS: Final = 600.0
_ADDS_MONEY: Final = frozenset({"credit_from_user", "pay_a_bill"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A payment, a bill or a purchase of a user. `amount` and `unit_price` are in USD.

    `at` is the time of the order; the default is the time of publishing.
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
    sent_twice: bool = False
    """Its acknowledgement was lost, so it is sent again at the end."""


def main() -> None:
    """Publish the orders of a file."""
    parser = argparse.ArgumentParser(description="Publish payments, bills and sales to the ledger.")
    parser.add_argument("orders", type=Path)
    parser.add_argument("--bootstrap-servers", required=True, metavar="HOST:PORT")
    arguments = parser.parse_args()
    orders = list(read_lines(arguments.orders, Order))
    print("marketplace service:", work(orders, arguments.bootstrap_servers))


def work(orders: list[Order], bootstrap_servers: str) -> str:
    """Publish every order, wait for the outcomes, and return a line with the numbers of both."""
    with (
        OutcomeListener(bootstrap_servers=bootstrap_servers, source=MARKETPLACE_SERVICE) as outcomes,
        Publisher(bootstrap_servers=bootstrap_servers, source=MARKETPLACE_SERVICE) as publisher,
    ):
        session = Session(publisher, outcomes, seconds=SESSION_SECONDS)
        marketplace = Marketplace(session, orders)
        marketplace.serve()
        session.flush()
        sent_twice = {order.id for order in orders if order.sent_twice}
        session.send_again([it for it in marketplace.publications if it.id in sent_twice])
        return session.close()


class Marketplace:
    """Publishes the orders of each user in order."""

    def __init__(self, session: Session, orders: list[Order]) -> None:
        self._session = session
        self._queues: dict[int, deque[Order]] = {}
        self._awaited: dict[str, int] = {}
        self.publications: list[Publication] = []
        for order in orders:
            self._queues.setdefault(order.user, deque()).append(order)

    def serve(self) -> None:
        """Publish until every queue is empty. Raises `TimeoutError`."""
        for user in self._queues:
            self._next(user)
        while self._awaited:
            for outcome in self._session.poll():
                if outcome.request_id in self._awaited:
                    self._next(self._awaited.pop(outcome.request_id))

    def _next(self, user: int) -> None:
        """Publish the orders of a user up to the next one whose outcome is awaited."""
        queue = self._queues[user]
        while queue:
            order = queue.popleft()
            publication = self._session.publisher.publish(operation_of(order), id=order.id)
            self._session.published(publication)
            self.publications.append(publication)
            if order.kind in _ADDS_MONEY:
                self._awaited[order.id] = user
                return


def operation_of(order: Order) -> Operation:
    """Return the operation that is published for an order."""
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
            raise ValueError(f"this service has no orders of kind {order.kind}")


if __name__ == "__main__":
    main()
