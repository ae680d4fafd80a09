"""Turns the requests of services and people into submissions for the engine, one module per subject."""
