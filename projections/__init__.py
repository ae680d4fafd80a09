"""The read side: balances on User, read models, reports, verification, the admin."""
