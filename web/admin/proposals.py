"""The inbox: proposals that wait for a second person, and those that were resolved."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.dataclasses import UnfoldAction
from unfold.views import ChangeList

from ledger.models import ProposedChange
from ledger.queries.tariffs import base_versions
from ledger.requests.accounts import ADJUST
from ledger.requests.four_eyes import actor_of
from ledger.requests.proposals import APPROVE, DECLINE
from models import User
from web.admin.command_pages.button import command_button
from web.admin.command_pages.command_page import page_of, url_of
from web.admin.decisions import notes_by_event, notes_of
from web.admin.formatting import link, link_to, utc_time
from web.admin.pages import SearchAdmin
from web.admin.proposal_text import in_words
from web.admin.search import number_or_none, user_ids_matching, uuid_or_none


class WaitingFilter(admin.SimpleListFilter):
    """Filters by state. Without a choice only open proposals are listed."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        return [(state, state) for state in ("approved", "declined", "expired", "all")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """Yield the choices; the default one is named "waiting" instead of "all"."""
        first, *others = super().choices(changelist)
        yield {**first, "display": "waiting"}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[ProposedChange]) -> QuerySet[ProposedChange]:
        now = timezone.now()
        match self.value():
            case "all":
                return queryset
            case "expired":
                return queryset.filter(Q(state="expired") | Q(state="open", expires_at__lte=now))
            case None:
                # A search finds proposals in every state.
                return queryset if request.GET.get("q") else queryset.filter(state="open", expires_at__gt=now)
            case state:
                return queryset.filter(state=state)


class _Inbox(ChangeList):  # type: ignore[misc]  # unfold ships no types
    """A list of proposals that reads the users and notes of a page with one query each."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        _annotate(request, list(self.result_list))


@admin.register(ProposedChange)
class ProposalAdmin(SearchAdmin):
    """Shows proposals with buttons to approve or decline them.

    A proposer never approves their own proposal: the engine refuses it, and so does the database.
    """

    actions_list = ("adjust",)
    actions_detail = ("approve", "decline")
    adjust = command_button(ADJUST, icon="balance")
    approve = command_button(APPROVE, fills="proposal", icon="check")
    decline = command_button(DECLINE, fills="proposal", icon="close")

    list_display = ("proposed", "user", "by", "reason", "shown_state", "expires", "next_steps")
    list_filter = (WaitingFilter,)
    search_fields = ("pk",)
    search_help_text = "ID, user ID or email address"
    fields = readonly_fields = (
        *("id", "subject", "proposed", "user", "by", "role", "reason_code", "notes"),
        *("shown_state", "resolved_by", "expires", "own"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        del request, kwargs
        return _Inbox

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """Return the proposal with the attributes that `_annotate` sets."""
        proposal = super().get_object(request, object_id, from_field)
        if proposal is not None:
            _annotate(request, [proposal])
        return proposal

    def search(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (key := uuid_or_none(term)) is not None:
            return rows.filter(pk=key)
        number = number_or_none(term)
        users = user_ids_matching(term) if number is None else [number]
        return rows.filter(Q(user_id__in=users) | Q(proposer__in=map(_actor, users)))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        """Return the buttons of an open proposal, without the one to approve for its proposer."""
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        proposal = self.get_object(request, object_id)
        if proposal is None or _state(proposal) != "open":
            return []
        return [
            action for action in actions if not (proposal.is_own and action.path == page_of(APPROVE).name)
        ]

    @admin.display(description="proposed")
    def proposed(self, proposal: Any) -> str:
        return in_words(proposal.subject, proposal.user_id, proposal.kept["body"], proposal.tariff)

    @admin.display(description="user")
    def user(self, proposal: Any) -> SafeString | str:
        return "–" if proposal.user_id is None else _person(proposal.emails, _actor(proposal.user_id))

    @admin.display(description="proposed by")
    def by(self, proposal: Any) -> SafeString | str:
        return _person(proposal.emails, proposal.proposer)

    @admin.display(description="approved or declined by")
    def resolved_by(self, proposal: Any) -> SafeString | str:
        return "–" if proposal.resolver is None else _person(proposal.emails, proposal.resolver)

    @admin.display(description="proposer's role")
    def role(self, proposal: ProposedChange) -> str:
        return str(proposal.kept["role"])

    @admin.display(description="reason code")
    def reason_code(self, proposal: ProposedChange) -> str:
        return str(proposal.kept["reason_code"])

    @admin.display(description="reason")
    def reason(self, proposal: Any) -> SafeString | str:
        code = proposal.kept["reason_code"]
        return str(code) if proposal.notes is None else format_html("{}: {}", code, proposal.notes)

    @admin.display(description="reason and evidence")
    def notes(self, proposal: ProposedChange) -> SafeString | str:
        return notes_of(proposal.pk)

    @admin.display(description="state", ordering="state")
    def shown_state(self, proposal: ProposedChange) -> str:
        return _state(proposal)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, proposal: ProposedChange) -> str:
        return utc_time(proposal.expires_at)

    @admin.display(description="proposed by you")
    def own(self, proposal: Any) -> str:
        return "Yes: another person must approve it." if proposal.is_own else "No"

    @admin.display(description="next step")
    def next_steps(self, proposal: Any) -> SafeString | str:
        if _state(proposal) != "open" or not proposal.may_resolve:
            return "–"
        decline = link(url_of(DECLINE, proposal=str(proposal.pk)), "decline")
        if proposal.is_own:
            return format_html("Yours: another person must approve it. You can {} it.", decline)
        approve = link(url_of(APPROVE, proposal=str(proposal.pk)), "approve")
        return format_html("{} or {}", approve, decline)


def _state(proposal: ProposedChange) -> str:
    overdue = proposal.state == "open" and proposal.expires_at <= timezone.now()
    return "expired" if overdue else proposal.state


def _annotate(request: HttpRequest, proposals: Sequence[Any]) -> None:
    """Set what the pages show of each proposal: `is_own`, `may_resolve`, `emails`, `tariff`, `notes`."""
    viewer = request.user
    actors = {name for each in proposals for name in (each.proposer, each.resolver or "")}
    ids = {each.user_id for each in proposals} | {
        number_or_none(name.removeprefix("user:")) for name in actors
    }
    emails = dict(User.objects.filter(pk__in=ids - {None}).values_list("pk", "email"))
    tariff = _tariff_in_force() if any(each.subject == "tariff" for each in proposals) else None
    notes = notes_by_event([each.pk for each in proposals])
    for each in proposals:
        each.is_own = isinstance(viewer, User) and each.proposer == actor_of(viewer)
        each.may_resolve = isinstance(viewer, User) and viewer.has_perm(page_of(APPROVE).permission)
        each.emails = emails
        each.tariff = tariff
        each.notes = notes.get(each.pk)


def _tariff_in_force() -> Mapping[str, Any] | None:
    """Return the terms for everyone that are in force now."""
    now = timezone.now()
    versions = [version for version in base_versions() if version.effective_from <= now]
    return max(versions, key=lambda each: (each.effective_from, each.version)).terms if versions else None


def _actor(user: int) -> str:
    return actor_of(User(pk=user))


def _person(emails: Mapping[int, str | None], actor: str) -> SafeString | str:
    """Return a link with the address of an actor who is a user; the actor's name for any other."""
    kind, _, name = actor.partition(":")
    number = number_or_none(name) if kind == "user" else None
    return actor if number is None else link_to(User, number, emails.get(number) or actor)
