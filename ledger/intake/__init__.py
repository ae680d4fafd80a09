"""Kafka in: handles the messages of each topic, including those that wait or become dead letters."""
