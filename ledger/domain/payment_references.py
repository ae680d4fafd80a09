"""Payment references: the provider's own names of payments, so that each payment is recorded once.

The text can be erased and is in no event, so a digest of it is compared. Incoming and outgoing payments
have separate digests, because providers number them separately.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ledger.domain.errors import AmbiguousPayment, PaymentReferenceUsed

NOT_SAID: Final = "default"
"""The provider of a payment whose sender does not say which one: it may be any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentName:
    """A provider's name of a payment: the digest (hex of SHA-256) of the reference, and the provider."""

    digest: str
    provider: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentReference:
    """The payments that were recorded under one reference: their operations, by provider.

    There are several only if all of them say their provider.
    """

    digest: str
    payments: Mapping[str, str]

    def found_by(self, provider: str) -> str | None:
        """Return the operation of the payment that a provider names; None if it is another provider's.

        Raises `AmbiguousPayment` if the provider is not said and several have this reference.
        """
        if provider == NOT_SAID and len(self.payments) > 1:
            raise AmbiguousPayment(
                f"{len(self.payments)} providers have a payment of this reference: say which",
                field="payment_provider",
                providers=sorted(self.payments),
            )
        if provider == NOT_SAID or NOT_SAID in self.payments:
            return next(iter(self.payments.values()))
        return self.payments.get(provider)


def payment_name(kind: str, provider: str, reference: str) -> PaymentName:
    """Return the name of a payment of this kind. The digest has 64 hex digits."""
    digest = hashlib.sha256(f"{kind}\n{reference}".encode()).hexdigest()
    return PaymentName(digest=digest, provider=provider)


def claim(
    used: Mapping[str, PaymentReference], name: PaymentName | None, *, operation: str
) -> tuple[PaymentReference, ...]:
    """Return the reference with this operation's payment, if it has a name.

    Raises `PaymentReferenceUsed` if a payment may be the same: one of the same provider, or any if either
    does not say its provider.
    """
    if name is None:
        return ()
    recorded = used[name.digest].payments if name.digest in used else {}
    same = [
        operation
        for provider, operation in sorted(recorded.items())
        if provider == name.provider or NOT_SAID in {provider, name.provider}
    ]
    if same:
        raise PaymentReferenceUsed("the provider's payment has already been recorded", recorded_as=same[0])
    return (PaymentReference(digest=name.digest, payments={**recorded, name.provider: operation}),)
