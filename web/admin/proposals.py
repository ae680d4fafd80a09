"""The inbox: what waits for a second person, and what became of what waited."""

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
from ledger.queries.tariffs import everybodys
from ledger.requests.four_eyes import actor_of
from models import User
from web.admin.command_pages.adjustments import Adjust, Approve, Decline
from web.admin.command_pages.button import opens
from web.admin.decisions import texts_by_event, texts_of
from web.admin.pages import FoundAdmin, as_number, as_uuid, link_to, moment, users_found
from web.admin.proposal_text import in_words


class WaitingFilter(admin.SimpleListFilter):
    """Those that wait, unless something else is asked for."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        del request, model_admin
        return [(state, state) for state in ("approved", "declined", "expired", "all")]

    def choices(self, changelist: Any) -> Iterator[Any]:
        """The first choice is not everything."""
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
                # Whoever searches looks for one, whatever became of it.
                return queryset if request.GET.get("q") else queryset.filter(state="open", expires_at__gt=now)
            case state:
                return queryset.filter(state=state)


class _Inbox(ChangeList):  # type: ignore[misc]  # unfold ships no types
    """A page of proposals, with people and texts read at once."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        _look(request, list(self.result_list))


@admin.register(ProposedChange)
class ProposalAdmin(FoundAdmin):
    """Nobody approves what he proposed himself: the database would refuse it too."""

    actions_list = ("adjust",)
    actions_detail = ("approve", "decline")
    adjust = opens(Adjust, icon="balance")
    approve = opens(Approve, fills="proposal", icon="check")
    decline = opens(Decline, fills="proposal", icon="close")

    list_display = ("proposed", "user", "by", "reason", "shown_state", "expires", "acts")
    list_filter = (WaitingFilter,)
    search_fields = ("pk",)
    search_help_text = "id, user id, or an email address"
    fields = readonly_fields = (
        *("id", "subject", "proposed", "user", "by", "role", "reason_code", "texts"),
        *("shown_state", "decided_by", "expires", "own"),
    )

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        del request, kwargs
        return _Inbox

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The proposal with what the page needs of who looks at it."""
        proposal = super().get_object(request, object_id, from_field)
        if proposal is not None:
            _look(request, [proposal])
        return proposal

    def found(self, records: QuerySet[Any], term: str) -> QuerySet[Any]:
        if (key := as_uuid(term)) is not None:
            return records.filter(pk=key)
        number = as_number(term)
        users = users_found(term) if number is None else [number]
        return records.filter(Q(user_id__in=users) | Q(proposer__in=map(_actor, users)))

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Sequence[UnfoldAction]:
        """No button for what its door would refuse."""
        actions: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        proposal = self.get_object(request, object_id)
        if proposal is None or _state(proposal) != "open":
            return []
        return [action for action in actions if not (proposal.is_own and action.path == Approve.name)]

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
    def decided_by(self, proposal: Any) -> SafeString | str:
        return "–" if proposal.resolver is None else _person(proposal.emails, proposal.resolver)

    @admin.display(description="role")
    def role(self, proposal: ProposedChange) -> str:
        return str(proposal.kept["role"])

    @admin.display(description="reason code")
    def reason_code(self, proposal: ProposedChange) -> str:
        return str(proposal.kept["reason_code"])

    @admin.display(description="reason")
    def reason(self, proposal: Any) -> SafeString | str:
        return format_html("{}: {}", proposal.kept["reason_code"], proposal.texts)

    @admin.display(description="reason and evidence")
    def texts(self, proposal: ProposedChange) -> SafeString | str:
        return texts_of(proposal.pk)

    @admin.display(description="state", ordering="state")
    def shown_state(self, proposal: ProposedChange) -> str:
        return _state(proposal)

    @admin.display(description="expires", ordering="expires_at")
    def expires(self, proposal: ProposedChange) -> str:
        return moment(proposal.expires_at)

    @admin.display(description="yours")
    def own(self, proposal: Any) -> str:
        return "You proposed this yourself: somebody else approves it." if proposal.is_own else "no"

    @admin.display(description="to do")
    def acts(self, proposal: Any) -> SafeString | str:
        if _state(proposal) != "open" or not proposal.may_act:
            return "–"
        decline = _link(Decline, proposal, "decline")
        if proposal.is_own:
            return format_html("yours: somebody else approves it, or {}", decline)
        return format_html("{} or {}", _link(Approve, proposal, "approve"), decline)


def _state(proposal: ProposedChange) -> str:
    overdue = proposal.state == "open" and proposal.expires_at <= timezone.now()
    return "expired" if overdue else proposal.state


def _look(request: HttpRequest, proposals: Sequence[Any]) -> None:
    """Note on each proposal whose it is, what the viewer may do, and what its page shows of people."""
    viewer = request.user
    actors = {name for each in proposals for name in (each.proposer, each.resolver or "")}
    ids = {each.user_id for each in proposals} | {as_number(name.removeprefix("user:")) for name in actors}
    emails = dict(User.objects.filter(pk__in=ids - {None}).values_list("pk", "email"))
    tariff = _tariff_in_force() if any(each.subject == "tariff" for each in proposals) else None
    texts = texts_by_event([each.pk for each in proposals])
    for each in proposals:
        each.is_own = isinstance(viewer, User) and each.proposer == actor_of(viewer)
        each.may_act = isinstance(viewer, User) and viewer.has_perm(Approve.permission)
        each.emails = emails
        each.tariff = tariff
        each.texts = texts.get(each.pk, "–")


def _tariff_in_force() -> Mapping[str, Any] | None:
    now = timezone.now()
    versions = [version for version in everybodys() if version.effective_from <= now]
    return max(versions, key=lambda each: (each.effective_from, each.version)).terms if versions else None


def _actor(user: int) -> str:
    return actor_of(User(pk=user))


def _person(emails: Mapping[int, str | None], actor: str) -> SafeString | str:
    """A user's link with his address; another actor by his name."""
    kind, _, name = actor.partition(":")
    number = as_number(name) if kind == "user" else None
    return actor if number is None else link_to(User, number, emails.get(number) or actor)


def _link(door: type[Approve | Decline], proposal: ProposedChange, said: str) -> SafeString:
    address = door.address(proposal=str(proposal.pk))
    return format_html('<a href="{}" class="text-primary-600 dark:text-primary-500">{}</a>', address, said)
