"""Pages of tariffs: the platform's prices by version, with the operations that each version priced."""

from django.contrib import admin
from django.template.defaultfilters import pluralize
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.models import PublishedTariff
from ledger.requests.tariffs import OVERRIDE_TARIFF, PROPOSE_TARIFF
from models import Team, User
from projections.tariff_uses import uses
from web.admin.command_pages.button import command_button
from web.admin.formatting import link, link_to, pretty_json, utc_time
from web.admin.pages import ReadOnlyAdmin


@admin.register(PublishedTariff)
class TariffAdmin(ReadOnlyAdmin):
    """Shows tariff versions, which two people publish and which are never edited.

    Terms of a user or a team win over the tariff for everyone.
    """

    actions_list = ("publish", "override")
    actions_detail = ("publish_like", "override_like")
    publish = command_button(PROPOSE_TARIFF, icon="sell")
    override = command_button(OVERRIDE_TARIFF, icon="person_add")
    publish_like = command_button(PROPOSE_TARIFF, fills="like", title="Propose a similar tariff", icon="sell")
    override_like = command_button(
        OVERRIDE_TARIFF, fills="like", title="Propose similar terms", icon="person_add"
    )

    list_display = ("version", "audience", "since", "published")
    ordering = ("-version",)
    fields = readonly_fields = (*list_display, "used", "shown_terms")

    @admin.display(description="for")
    def audience(self, tariff: PublishedTariff) -> SafeString | str:
        if tariff.user_id is not None:
            return link_to(User, tariff.user_id, f"user {tariff.user_id}")
        if tariff.team_id is not None:
            return link_to(Team, tariff.team_id, f"team {tariff.team_id}")
        return "everyone"

    @admin.display(description="in force from", ordering="effective_from")
    def since(self, tariff: PublishedTariff) -> str:
        return utc_time(tariff.effective_from)

    @admin.display(description="published")
    def published(self, tariff: PublishedTariff) -> str:
        return utc_time(tariff.published_at)

    @admin.display(description="operations priced")
    def used(self, tariff: PublishedTariff) -> SafeString:
        operations, position = uses(tariff.version)
        url = f"{reverse('admin:models_operation_changelist')}?tariff={tariff.version}"
        return format_html(
            "{}, up to position {}", link(url, f"{operations} operation{pluralize(operations)}"), position
        )

    @admin.display(description="terms")
    def shown_terms(self, tariff: PublishedTariff) -> SafeString:
        return pretty_json(tariff.terms)
