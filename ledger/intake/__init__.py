"""Kafka in: handles the messages of each topic, and what becomes of those that cannot be posted."""
