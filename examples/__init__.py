"""Programs that use the ledger like other teams do, and a demo that runs them."""
