"""API keys, without their secrets' hashes. They are made and revoked with `manage.py api_key`."""

from django.contrib import admin
from django.utils import timezone

from ledger.models import ApiKey
from web.admin.pages import RecordAdmin, moment


@admin.register(ApiKey)
class ApiKeyAdmin(RecordAdmin):
    """Who speaks to the ledger, and when last."""

    list_display = ("name", "prefix", "whose", "shown_scopes", "state", "last_used")
    search_fields = ("name", "prefix", "source")
    fields = readonly_fields = (
        "name",
        "prefix",
        "whose",
        "shown_scopes",
        "state",
        "created",
        "expires",
        "revoked",
        "last_used",
    )

    @admin.display(description="of")
    def whose(self, key: ApiKey) -> str:
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

    @admin.display(description="made")
    def created(self, key: ApiKey) -> str:
        return moment(key.created_at)

    @admin.display(description="expires")
    def expires(self, key: ApiKey) -> str:
        return moment(key.expires_at)

    @admin.display(description="revoked")
    def revoked(self, key: ApiKey) -> str:
        return moment(key.revoked_at)

    @admin.display(description="last used")
    def last_used(self, key: ApiKey) -> str:
        return moment(key.last_used_at)
