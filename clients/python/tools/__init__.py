"""Build tools of the client, which are not part of the package that other teams install."""
