"""The HTTP API under /v1, health checks and metrics: parse, submit, render. Contains no accounting rules."""
