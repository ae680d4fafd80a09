"""The sample catalogue."""

from examples.catalogue import read_catalogue
from models.machine import COLUMN_TYPES

CATALOGUE = read_catalogue()
MACHINES = CATALOGUE.machines + CATALOGUE.machines_joining_later


def test_it_has_a_few_dozen_users_and_machines() -> None:
    """Ids and email addresses are unique."""
    assert 24 <= len(CATALOGUE.users) <= 48
    assert 24 <= len(CATALOGUE.machines) <= 48
    for things in (CATALOGUE.everyone, MACHINES):
        assert len({it.id for it in things}) == len(things)
    assert len({user.email for user in CATALOGUE.everyone}) == len(CATALOGUE.everyone)


def test_every_email_address_is_an_example() -> None:
    """No real person can have one of them."""
    assert all(user.email and user.email.endswith("@example.com") for user in CATALOGUE.everyone)


def test_every_machine_has_an_owner_and_columns_of_known_types() -> None:
    """Users who join later may own only machines that join later."""
    known = {user.id for user in CATALOGUE.users}
    everyone = {user.id for user in CATALOGUE.everyone}
    assert all(machine.machine_owner_user in known for machine in CATALOGUE.machines)
    assert all(machine.machine_owner_user in everyone for machine in MACHINES)
    for machine in MACHINES:
        assert machine.machine_name
        assert set(machine.dfr_columns_type_user_df.values()) <= COLUMN_TYPES
        assert len(machine.dfr_columns_type_user_df) >= 4


def test_prices_change_for_machines_of_the_start() -> None:
    """Each change differs from the machine's earlier state and has a higher version."""
    before = {machine.id: machine for machine in CATALOGUE.machines}
    assert CATALOGUE.repriced
    for machine in CATALOGUE.repriced:
        old = before[machine.id]
        assert machine.version > old.version
        assert machine.model_dump(exclude={"version", "changed_at"}) != old.model_dump(
            exclude={"version", "changed_at"}
        )


def test_some_machines_are_free_and_some_are_not_for_sale() -> None:
    """A price of 0 and no price both occur."""
    prices = [machine.machine_copy_price_usd for machine in CATALOGUE.machines]
    assert 0 in prices
    assert None in prices
