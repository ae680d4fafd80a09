"""Builds submissions from what services and people ask for, one subject per module."""
