"""The read side: everything that follows from the log. Balances, read models, reports, verification."""
