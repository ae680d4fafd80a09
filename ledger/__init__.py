"""The write side: the pure domain, the posting engine, the use cases and the HTTP API."""
