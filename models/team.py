"""Teams of users who work on shared machines."""

import secrets
from hashlib import sha256
from typing import ClassVar

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, Permission, PermissionsMixin
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone

from models.deletion import DeletedAsQuerySet, total_deleted
from models.errors import InvitationRefused
from models.validation import ValidatedModel

# The page that invitations link to, unless the setting TEAM_INVITATION_URL names another.
_INVITATION_URL = "https://easyautoml.com/teams/join/"
# Bytes of randomness in an invitation: enough that it cannot be guessed.
_TOKEN_BYTES = 32


class TeamQuerySet(models.QuerySet["Team"]):
    """A queryset that finds the teams of a user."""

    def ids_of(self, user: models.Model | AnonymousUser) -> models.QuerySet["Team", int]:
        """Return the ids of the teams that the user is a member of or administers, for a subquery."""
        return (
            self.filter(models.Q(users=user.pk) | models.Q(admin_user=user.pk))
            .values_list("pk", flat=True)
            .distinct()
        )

    def delete(self) -> tuple[int, dict[str, int]]:
        """Delete the teams and their permissions; their machines stay with the owners."""
        permissions = list(self.filter(permission__isnull=False).values_list("permission_id", flat=True))
        with transaction.atomic(using=self.db):
            parts = [
                super().delete(),
                Permission.objects.using(self.db).filter(pk__in=permissions).delete(),
            ]
        return total_deleted(parts)

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]


TeamManager = models.Manager.from_queryset(TeamQuerySet)


class Team(DeletedAsQuerySet, ValidatedModel):
    """A named group with an admin. All of its members see the team's machines."""

    name = models.CharField(max_length=200)
    admin_user = models.ForeignKey("models.User", null=True, on_delete=models.CASCADE)
    users = models.ManyToManyField("models.User", related_name="Teams", blank=True)
    url = models.URLField(unique=True, default=None, null=True, blank=True)
    permission = models.OneToOneField(Permission, on_delete=models.CASCADE, null=True, blank=True)

    objects: ClassVar[TeamManager["Team"]] = TeamManager()

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=["admin_user", "name"],
                name="team_name_unique_per_admin",
                violation_error_message="This user has a team of that name already.",
            ),
        )

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """Check that the admin has no other team with this name."""
        super().clean()
        if self.admin_user_id is None:
            return
        namesakes = type(self).objects.filter(admin_user=self.admin_user_id, name=self.name)
        if namesakes.exclude(pk=self.pk).exists():
            raise ValidationError(
                {"name": f"The admin already has a team named {self.name!r}."}, code="unique"
            )

    def create_permission(self) -> Permission:
        """Return the permission that members hold; create it if the team has none yet."""
        if self.permission is None:
            with transaction.atomic():
                self.permission, _ = Permission.objects.get_or_create(
                    codename=f"team_{self.pk}",
                    content_type=ContentType.objects.get_for_model(Team),
                    defaults={"name": f"Member of team {self.name}"[:255]},
                )
                self.save(update_fields=["permission"])
                for member in self.users.all():
                    member.user_permissions.add(self.permission)
        return self.permission

    def add_user_to_team(self, user: PermissionsMixin) -> None:
        """Make the user a member, and give them the team's permission."""
        with transaction.atomic():
            permission = self.create_permission()
            self.users.add(user.pk)
            user.user_permissions.add(permission)
        _clear_permission_cache(user)

    def remove_user_from_team(self, user: PermissionsMixin) -> None:
        """End the user's membership, and take the team's permission from them."""
        with transaction.atomic():
            self.users.remove(user.pk)
            if self.permission is not None:
                user.user_permissions.remove(self.permission)
        _clear_permission_cache(user)

    def generate_link(self) -> str:
        """Create an invitation link and store it as the team's ``url``; the previous link stops working."""
        base: str = getattr(settings, "TEAM_INVITATION_URL", _INVITATION_URL)
        self.url = f"{base.rstrip('/')}/{secrets.token_urlsafe(_TOKEN_BYTES)}"
        self.save(update_fields=["url"])
        return self.url

    def revoke_link(self) -> None:
        """Revoke the current invitation link."""
        self.url = None
        self.save(update_fields=["url"])

    @classmethod
    def accept_invitation(cls, link: str, user: PermissionsMixin) -> "Team":
        """Make the user a member of the team that the link invites to, and return the team.

        A link works once for each user: a user who was removed from the team needs a new one.

        Raises:
            InvitationRefused: the link is unknown, was revoked, or was already used by this user.
        """
        with transaction.atomic():
            # The lock keeps the link from being revoked between finding the team and joining it.
            team = cls.objects.select_for_update().filter(url=link).first() if link else None
            if team is None:
                raise InvitationRefused("This invitation is not valid, or was revoked.")
            _, is_first_use = TeamInvitationAcceptance.objects.get_or_create(
                team=team, user_id=user.pk, link_digest=_digest(link)
            )
            if not is_first_use:
                raise InvitationRefused("You have already used this invitation.")
            team.add_user_to_team(user)
        return team


class TeamInvitationAcceptance(models.Model):
    """A record that a user joined a team with a link, of which only a digest is stored."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE, related_name="acceptances")
    user = models.ForeignKey("models.User", on_delete=models.CASCADE, related_name="acceptances")
    link_digest = models.CharField(max_length=64)
    accepted_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=["link_digest", "user"], name="team_invitation_once_per_user"),
        )

    def __str__(self) -> str:
        return f"{self.user} joined {self.team} at {self.accepted_at:%Y-%m-%d %H:%M}"


def _digest(link: str) -> str:
    return sha256(link.encode()).hexdigest()


def _clear_permission_cache(user: PermissionsMixin) -> None:
    # Django's permission backend caches permissions on the user object.
    for name in ("_perm_cache", "_user_perm_cache", "_group_perm_cache"):
        user.__dict__.pop(name, None)
