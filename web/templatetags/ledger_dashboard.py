"""`{% ledger_dashboard as figures %}`: the figures of the first page, for those who may look at it."""

from django import template

from web.dashboard import Dashboard, dashboard

register = template.Library()


@register.simple_tag
def ledger_dashboard() -> Dashboard:
    """The figures as they stand now."""
    return dashboard()
