"""`make demo`: the example services at work, and every number held against what was expected."""
