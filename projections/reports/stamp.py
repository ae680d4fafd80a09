"""The position that a report covers. It is settled, so nothing below it can appear or change."""

from events.settler import settle_all, settled


class NotSettled(Exception):
    """A report was requested up to a position that is not settled yet."""


def stamp(position: int | None) -> int:
    """Return the position to report up to: the requested one, or the highest that can be settled now.

    Raises `NotSettled` for a position above the settled one.
    """
    if position is None:
        return settle_all()
    if position > (reached := settled()):
        raise NotSettled(f"position {position} is not settled yet; the settled position is {reached}")
    return position
