"""The write side: decides commands, and appends events with their entries and balances."""
