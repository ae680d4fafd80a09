"""What may be asked of the write side, a subject a module. Nothing here locks or writes."""
