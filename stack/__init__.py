"""Starts and stops the servers that the ledger needs, on machines that have none.

Nothing here imports Django or any other package of the ledger: the stack is started
before settings can load, by people and by the tests alike.
"""
