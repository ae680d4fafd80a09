"""Imports from the older system, run once before the ledger goes live."""
