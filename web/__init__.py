"""Everything that answers a browser or an HTTP client: the API and the administration."""
