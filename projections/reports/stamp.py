"""Up to where a report counts: a settled position, below which nothing can appear or change."""

from events.settler import settle_all, settled


class NotSettled(Exception):
    """A report was asked for up to a position that is not settled yet."""


def stamp(position: int | None) -> int:
    """The position to report up to: the one asked for, or all that can be settled now.

    Raises `NotSettled` for one that is above the settled position.
    """
    if position is None:
        return settle_all()
    if position > (reached := settled()):
        raise NotSettled(f"position {position} is not settled yet; the settled position is {reached}")
    return position
