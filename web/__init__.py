"""The HTTP API and the administration: everything that answers a browser or an HTTP client."""
