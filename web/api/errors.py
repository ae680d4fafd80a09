"""What the HTTP door refuses before the ledger is asked, in the tree of `ledger.domain.errors`."""

from ledger.domain.errors import LedgerError


class BadRequest(LedgerError):
    """The request cannot be understood as HTTP."""

    code = "bad_request"
    status = 400


class MissingIdempotencyKey(LedgerError):
    """A recording request needs the header Idempotency-Key."""

    code = "missing_idempotency_key"
    status = 400


class InvalidIdempotencyKey(LedgerError):
    """An idempotency key is 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"
    status = 400


class InvalidCursor(LedgerError):
    """The cursor was not made by this ledger for this very query."""

    code = "invalid_cursor"
    status = 400


class UnknownParameter(LedgerError):
    """The query names a parameter that there is none of, or one of them twice."""

    code = "unknown_parameter"
    status = 400


class Unauthenticated(LedgerError):
    """The request carries no API key, or one that is not valid now."""

    code = "unauthenticated"
    status = 401


class Forbidden(LedgerError):
    """The API key may not do this."""

    code = "forbidden"
    status = 403


class ForeignSource(LedgerError):
    """The request claims another source than the one its API key speaks as."""

    code = "foreign_source"
    status = 403


class MethodNotAllowed(LedgerError):
    """There is such a resource, but it does not take this method."""

    code = "method_not_allowed"
    status = 405


class LengthRequired(LedgerError):
    """The body has to come with its Content-Length."""

    code = "length_required"
    status = 411


class InternalError(LedgerError):
    """The ledger failed; the same key may be sent again, and what was recorded is not repeated."""

    code = "internal_error"
    status = 500


class Unavailable(LedgerError):
    """The ledger cannot reach its database."""

    code = "unavailable"
    status = 503
    retryable = True
