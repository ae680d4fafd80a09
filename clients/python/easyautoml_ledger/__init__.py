"""What other services need to speak with the billing ledger: contracts, envelope, publisher."""
