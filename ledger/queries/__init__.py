"""Reads what the write side keeps, one subject per module. Takes no lock and writes nothing."""
