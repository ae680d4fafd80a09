"""The sample catalogue that ships with the project."""

from examples.catalogue import read_catalogue
from models.machine import COLUMN_TYPES

CATALOGUE = read_catalogue()
MACHINES = CATALOGUE.machines + CATALOGUE.machines_joining_later


def test_a_few_dozen_users_and_machines_are_in_it() -> None:
    """Enough of both for a demonstration, and nobody twice."""
    assert 24 <= len(CATALOGUE.users) <= 48
    assert 24 <= len(CATALOGUE.machines) <= 48
    for things in (CATALOGUE.everyone, MACHINES):
        assert len({it.id for it in things}) == len(things)
    assert len({user.email for user in CATALOGUE.everyone}) == len(CATALOGUE.everyone)


def test_every_address_is_nobodys() -> None:
    """The names are invented, and the addresses can belong to no one."""
    assert all(user.email and user.email.endswith("@example.com") for user in CATALOGUE.everyone)


def test_every_machine_has_an_owner_and_columns_of_known_types() -> None:
    """Whoever joins later may own a machine only if that machine joins later too."""
    known = {user.id for user in CATALOGUE.users}
    everyone = {user.id for user in CATALOGUE.everyone}
    assert all(machine.machine_owner_user in known for machine in CATALOGUE.machines)
    assert all(machine.machine_owner_user in everyone for machine in MACHINES)
    for machine in MACHINES:
        assert machine.machine_name
        assert set(machine.dfr_columns_type_user_df.values()) <= COLUMN_TYPES
        assert len(machine.dfr_columns_type_user_df) >= 4


def test_prices_change_for_machines_that_were_there() -> None:
    """A change differs from what the machine cost before, and carries a higher version."""
    before = {machine.id: machine for machine in CATALOGUE.machines}
    assert CATALOGUE.repriced
    for machine in CATALOGUE.repriced:
        old = before[machine.id]
        assert machine.version > old.version
        assert machine.model_dump(exclude={"version", "changed_at"}) != old.model_dump(
            exclude={"version", "changed_at"}
        )


def test_something_is_free_and_something_is_not_for_sale() -> None:
    """Both ends of the price list occur: 0, and no price at all."""
    prices = [machine.machine_copy_price_usd for machine in CATALOGUE.machines]
    assert 0 in prices
    assert None in prices
