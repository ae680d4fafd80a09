"""The one error of the demo."""


class DemoFailed(Exception):
    """Why the demo cannot go on: a sentence or two for the person who started it."""
