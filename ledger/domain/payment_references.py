"""Payment references: a provider's own name of a payment, by which it is recorded once.

The text can be erased and is in no event, so what is compared is a digest of it: one for the money that
comes in and one for the money that goes out, because providers number them apart.
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
    """The digest of a provider's reference of a payment of this kind: hex, 64 digits."""
    return hashlib.sha256(f"{kind}\n{provider}\n{reference}".encode()).hexdigest()


def claim(
    used: Mapping[str, PaymentReference], digest: str | None, *, operation: str
) -> tuple[PaymentReference, ...]:
    """The reference that an operation takes, or none. Raises `PaymentReferenceUsed` for one that is taken."""
    if digest is None:
        return ()
    if digest in used:
        raise PaymentReferenceUsed(
            "the provider's payment was recorded before", recorded_as=used[digest].operation
        )
    return (PaymentReference(digest=digest, operation=operation),)
