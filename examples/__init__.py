"""Programs that use the ledger as other teams would, and a demonstration that drives them."""
