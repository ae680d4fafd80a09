#!/usr/bin/env python
"""Django's command line with the settings of this service."""

import os
import sys
from io import TextIOWrapper

from django.core.management import execute_from_command_line

from config.starting import check_before_command
from stack.state import running_environment

if __name__ == "__main__":
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, TextIOWrapper):
            # A character that a terminal cannot show must not make a command fail that has done its work.
            output.reconfigure(errors="backslashreplace")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    if "DATABASE_URL" not in os.environ:
        # Use the database and broker of a ledger that `make run` has started.
        for name, value in running_environment(os.environ).items():
            os.environ.setdefault(name, value)
    check_before_command(sys.argv[1:])
    execute_from_command_line(sys.argv)
