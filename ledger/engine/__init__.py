"""The posting engine: locks, decides and writes batches of submissions, each batch in one transaction."""
