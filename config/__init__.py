"""The composition root: settings from the environment, URLs, the WSGI application."""

from typing import Final

VERSION: Final = "0.1.0"
"""The version of the ledger, as in `pyproject.toml`."""
