"""The log: the event store, the settled position, Kafka in and out. Knows nothing of accounting."""
