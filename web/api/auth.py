"""Authentication by API keys in `Authorization: Bearer …`, and the scopes that routes require."""

import re
from typing import ClassVar, cast

from django.http import HttpRequest
from ninja.security import HttpBearer
from typing_extensions import override

from ledger.keys import find_key
from ledger.models import ApiKey
from models.access import may_approve
from models.user import User
from web.api import errors
from web.api.callers import Caller, viewer_of

_is_token = re.compile("ledger_[0-9a-f]{8}_[A-Za-z0-9_-]{43}").fullmatch


class _Key(HttpBearer):
    """Authentication by a valid key with a scope."""

    scope: ClassVar[ApiKey.Scope]
    service_only: ClassVar[bool] = False
    limited: ClassVar[bool] = False
    """True if what is sent counts towards a limit, above which it becomes a proposal."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Return the caller, or None if the key is not valid now. Raises `Forbidden`, `ForeignSource`."""
        key = find_key(token) if _is_token(token) else None
        if key is None:
            return None
        viewer = None if key.user_id is None else viewer_of(key)
        if key.user_id is not None and viewer is None:
            return None
        self._check(key)
        claimed = request.headers.get("ce-source")
        if claimed is not None and claimed != key.source:
            raise errors.ForeignSource("the key belongs to another source", field="ce-source")
        return Caller(key, viewer, limited=self.limited)

    def _check(self, key: ApiKey) -> None:
        """Raise `Forbidden` if the key does not permit this."""
        self._check_scope(key)
        if self.service_only and key.user_id is not None:
            raise errors.Forbidden("a user's own key can only read and approve")

    def _check_scope(self, key: ApiKey) -> None:
        if self.scope not in key.scopes:
            raise errors.Forbidden(f"the key lacks the scope {self.scope.value}", scope=self.scope.value)


class ReadKey(_Key):
    """Permits reading: everything for a service, a user's own data and their teams' for a user."""

    scope = ApiKey.Scope.READ
    openapi_description = "An API key with the scope ledger:read."


class WriteKey(_Key):
    """Permits recording, under the source that the key belongs to."""

    scope = ApiKey.Scope.WRITE
    service_only = True
    openapi_description = "An API key of a service, with the scope ledger:write."


class AdminKey(_Key):
    """Permits what administrators do: coupons, credit limits, adjustments, periods, tariffs, proposals."""

    scope = ApiKey.Scope.ADMIN
    service_only = True
    limited = True
    openapi_description = "An API key of a service, with the scope ledger:admin."


class ApproveKey(_Key):
    """Permits approving what others proposed. No service approves: a person does, with a key of their own."""

    scope = ApiKey.Scope.APPROVE
    limited = True
    openapi_description = "The own API key of a person who may approve, with the scope ledger:approve."

    @override
    def _check(self, key: ApiKey) -> None:
        self._check_scope(key)
        _check_approver(key)


class ResolveKey(AdminKey):
    """Permits reading and declining proposals: for services that propose and people who approve."""

    openapi_description = "An API key of a service with the scope ledger:admin, or one with ledger:approve."

    @override
    def _check(self, key: ApiKey) -> None:
        if ApiKey.Scope.APPROVE in key.scopes:
            _check_approver(key)
        else:
            super()._check(key)


def _check_approver(key: ApiKey) -> None:
    owner = User.objects.filter(pk=key.user_id).first()
    if owner is None or not may_approve(owner):
        raise errors.Forbidden("only people who may approve do, with a key of their own")


def caller_of(request: HttpRequest) -> Caller:
    """Return the caller that an authenticated request comes from."""
    return cast("Caller", request.auth)  # type: ignore[attr-defined]
