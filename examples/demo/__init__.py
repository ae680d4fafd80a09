"""`make demo`: runs the example services and compares every number with the expected one."""
