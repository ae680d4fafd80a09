"""The error of the demo."""


class DemoFailed(Exception):
    """The demo cannot continue. The message is for the person who started it."""
