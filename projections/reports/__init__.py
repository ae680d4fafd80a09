"""Reports, computed from the journal up to a settled position, so that they can be repeated exactly."""
