"""The use cases of the write side, a file each."""
