"""The platform's prices, version by version, and which operations were priced by which."""

from django.contrib import admin
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.models import PublishedTariff
from models import Team, User
from projections.tariff_uses import uses
from web.admin.command_pages.button import opens
from web.admin.command_pages.tariffs import OverrideTariff, PublishTariff
from web.admin.pages import RecordAdmin, link_to, moment, pretty


@admin.register(PublishedTariff)
class TariffAdmin(RecordAdmin):
    """Published by two people, and never edited; those of a user or a team stand before everybody's."""

    actions_list = ("publish", "override")
    actions_detail = ("publish_like", "override_like")
    publish = opens(PublishTariff, icon="sell")
    override = opens(OverrideTariff, icon="person_add")
    publish_like = opens(PublishTariff, fills="like", title="Publish one like it", icon="sell")
    override_like = opens(OverrideTariff, fills="like", title="Terms like these", icon="person_add")

    list_display = ("version", "whose", "since", "published")
    ordering = ("-version",)
    fields = readonly_fields = (*list_display, "used", "shown_terms")

    @admin.display(description="whose")
    def whose(self, tariff: PublishedTariff) -> SafeString | str:
        if tariff.user_id is not None:
            return link_to(User, tariff.user_id, f"user {tariff.user_id}")
        if tariff.team_id is not None:
            return link_to(Team, tariff.team_id, f"team {tariff.team_id}")
        return "everybody's"

    @admin.display(description="in force from", ordering="effective_from")
    def since(self, tariff: PublishedTariff) -> str:
        return moment(tariff.effective_from)

    @admin.display(description="published")
    def published(self, tariff: PublishedTariff) -> str:
        return moment(tariff.published_at)

    @admin.display(description="priced")
    def used(self, tariff: PublishedTariff) -> SafeString:
        operations, position = uses(tariff.version)
        url = f"{reverse('admin:models_operation_changelist')}?tariff={tariff.version}"
        link = format_html(
            '<a href="{}" class="text-primary-600 dark:text-primary-500">{} operations</a>', url, operations
        )
        return format_html("{}, up to position {}", link, position)

    @admin.display(description="terms")
    def shown_terms(self, tariff: PublishedTariff) -> SafeString:
        return pretty(tariff.terms)
