"""API keys, without the hashes of their secrets. `manage.py api_key` creates and revokes them."""

from django.contrib import admin
from django.utils import timezone

from ledger.models import ApiKey
from web.admin.formatting import utc_time
from web.admin.pages import ReadOnlyAdmin


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Lists the API keys of services and users, with scopes, state and last use."""

    list_display = ("name", "prefix", "owner", "shown_scopes", "state", "last_used")
    search_fields = ("name", "prefix", "source")
    fields = readonly_fields = (
        "name",
        "prefix",
        "owner",
        "shown_scopes",
        "state",
        "created",
        "expires",
        "revoked",
        "last_used",
    )

    @admin.display(description="owner")
    def owner(self, key: ApiKey) -> str:
        return key.source or f"user {key.user_id}"

    @admin.display(description="scopes")
    def shown_scopes(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> str:
        if key.revoked_at is not None:
            return "revoked"
        expired = key.expires_at is not None and key.expires_at <= timezone.now()
        return "expired" if expired else "valid"

    @admin.display(description="created")
    def created(self, key: ApiKey) -> str:
        return utc_time(key.created_at)

    @admin.display(description="expires")
    def expires(self, key: ApiKey) -> str:
        return utc_time(key.expires_at)

    @admin.display(description="revoked")
    def revoked(self, key: ApiKey) -> str:
        return utc_time(key.revoked_at)

    @admin.display(description="last used")
    def last_used(self, key: ApiKey) -> str:
        return utc_time(key.last_used_at)
