"""Measures the ledger on this machine: `python -m benchmarks`.

A durable stack of its own, 1,000 funded users, and every rate compared with the limit measured in the
same run: COPY of the rows and indexes of one commit, frozen, and nothing else. No test fails on a time.

`python -m benchmarks.check OTHER` compares two checkouts.
"""
