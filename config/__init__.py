"""The composition root: settings from the environment, URLs, WSGI."""
