"""Everything derived again from the log and held against what is stored."""

from projections.verification.findings import Mismatch
from projections.verification.verify import Result, verify

__all__ = ["Mismatch", "Result", "verify"]
