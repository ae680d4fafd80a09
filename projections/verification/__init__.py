"""Derives everything from the log again and compares it with what is stored."""

from projections.verification.findings import Mismatch
from projections.verification.verify import Result, verify

__all__ = ["Mismatch", "Result", "verify"]
