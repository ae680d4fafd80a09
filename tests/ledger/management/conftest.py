"""Lets the shell approve, because these tests resolve on the command line what they proposed there."""

import pytest
from pytest_django import Settings


@pytest.fixture(autouse=True)
def shell_approves(settings: Settings) -> None:
    settings.ENVIRONMENT = settings.ENVIRONMENT.model_copy(update={"shell_approves": True})
