"""The benchmarks' own arithmetic and fixtures. No test depends on how long something takes."""
