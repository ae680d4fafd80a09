"""Errors that the API raises before it asks the ledger, in the tree of `ledger.domain.errors`."""

from ledger.domain.errors import LedgerError


class BadRequest(LedgerError):
    """The request is not valid HTTP."""

    code = "bad_request"
    status = 400


class IncompleteBody(LedgerError):
    """The body is shorter than its Content-Length."""

    code = "incomplete_body"
    status = 400


class MissingIdempotencyKey(LedgerError):
    """The request needs the header Idempotency-Key."""

    code = "missing_idempotency_key"
    status = 400


class InvalidIdempotencyKey(LedgerError):
    """An idempotency key must be 1 to 255 printable ASCII characters."""

    code = "invalid_idempotency_key"
    status = 400


class RepeatedHeader(LedgerError):
    """A header that has one value was sent more than once."""

    code = "repeated_header"
    status = 400


class InvalidCursor(LedgerError):
    """The cursor does not belong to this query."""

    code = "invalid_cursor"
    status = 400


class UnknownParameter(LedgerError):
    """The query has an unknown or repeated parameter."""

    code = "unknown_parameter"
    status = 400


class AsOfInTheFuture(LedgerError):
    """Balances are only known up to now, by the database's clock."""

    code = "as_of_in_the_future"
    status = 400


class Unauthenticated(LedgerError):
    """The API key is missing or not valid."""

    code = "unauthenticated"
    status = 401


class Forbidden(LedgerError):
    """The API key does not permit this request."""

    code = "forbidden"
    status = 403


class ForeignSource(LedgerError):
    """The request claims a source other than the API key's."""

    code = "foreign_source"
    status = 403


class MethodNotAllowed(LedgerError):
    """The resource does not support this method."""

    code = "method_not_allowed"
    status = 405


class RequestTimeout(LedgerError):
    """The request did not arrive in time."""

    code = "request_timeout"
    status = 408
    retryable = True


class LengthRequired(LedgerError):
    """The body must be sent with its Content-Length."""

    code = "length_required"
    status = 411


class HeadersTooLarge(LedgerError):
    """The request has too many headers, or too large ones."""

    code = "headers_too_large"
    status = 431


class InternalError(LedgerError):
    """The ledger failed. It is safe to retry with the same key: nothing is recorded twice."""

    code = "internal_error"
    status = 500


class Unavailable(LedgerError):
    """The ledger cannot reach its database."""

    code = "unavailable"
    status = 503
    retryable = True


class Overloaded(LedgerError):
    """The server has as many connections, or as many bytes of bodies, as it accepts."""

    code = "overloaded"
    status = 503
    retryable = True


class AnswerTimeout(LedgerError):
    """The answer took too long. It is safe to retry with the same key: nothing is recorded twice."""

    code = "answer_timeout"
    status = 503
    retryable = True
