"""The log: the event store, the settled position, and Kafka in and out. Knows nothing of accounting."""
