"""Payment references: the provider's own names of payments, so that each payment is recorded once.

The text can be erased and is in no event, so a digest of it is compared. Incoming and outgoing payments
have separate digests, because providers number them separately.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from ledger.domain.errors import PaymentReferenceUsed


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReference:
    """The digest (hex of SHA-256) of a reference, and the operation that was recorded under it."""

    digest: str
    operation: str


def digest_of(kind: str, provider: str, reference: str) -> str:
    """Return the digest of a provider's reference for a payment of this kind: hex, 64 digits."""
    return hashlib.sha256(f"{kind}\n{provider}\n{reference}".encode()).hexdigest()


def claim(
    used: Mapping[str, PaymentReference], digest: str | None, *, operation: str
) -> tuple[PaymentReference, ...]:
    """Return the reference of an operation, if it has one. Raises `PaymentReferenceUsed` if it is in use."""
    if digest is None:
        return ()
    if digest in used:
        raise PaymentReferenceUsed(
            "the provider's payment has already been recorded", recorded_as=used[digest].operation
        )
    return (PaymentReference(digest=digest, operation=operation),)
