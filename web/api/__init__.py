"""The HTTP API under /v1, health and metrics: parse, submit, render. Contains no accounting rule."""
