"""Kafka out: the messages on `billing.operations` and `billing.balances`, made from the log."""
