"""The template tag of the first page: `{% ledger_dashboard as figures %}`."""

from django import template

from web.dashboard import Dashboard, dashboard

register = template.Library()


@register.simple_tag
def ledger_dashboard() -> Dashboard:
    """Return the figures as of now."""
    return dashboard()
