"""The write side's own tables: accounts, tariffs, machines' terms, API keys."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone


class Account(models.Model):
    """An account of the chart. `balance` and `held` count on the normal side, 8 decimals.

    A user's account is changed by the posting engine alone, under the user's lock. The platform's
    accounts stay at zero here: their balances are summed by a projection.
    """

    id = models.BigAutoField(primary_key=True)
    code = models.CharField(max_length=80, unique=True)
    kind = models.CharField(max_length=40)
    user_id = models.BigIntegerField(null=True)
    """A plain number: the account outlives the row of a user who was deleted."""
    currency = models.CharField(max_length=4)
    normal_side = models.CharField(max_length=1)
    balance = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    held = models.DecimalField(max_digits=20, decimal_places=8, default=0)
    version = models.BigIntegerField(default=0)
    """How many entries the account has; on each entry, and gapless."""
    position = models.BigIntegerField(default=0)
    """The position of the last event that touched the account."""
    credit_limit = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    """On a due account: how much this user may owe, where it is not the tariff's limit."""
    recorded_at = models.DateTimeField(null=True)
    """When that event was recorded: no later one is recorded before it."""

    class Meta:
        ordering = ("user_id", "id")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(held__gte=0) & models.Q(held__lte=models.F("balance")),
                name="ledger_account_held_within_balance",
            ),
        )
        indexes = (models.Index(fields=("user_id", "id"), name="ledger_account_user"),)

    def __str__(self) -> str:
        return self.code


class AllowedPair(models.Model):
    """Which kinds of accounts an operation of a kind may debit and credit together."""

    operation_kind = models.CharField(max_length=40)
    debit_kind = models.CharField(max_length=40)
    credit_kind = models.CharField(max_length=40)
    pk = models.CompositePrimaryKey("operation_kind", "debit_kind", "credit_kind")

    class Meta:
        db_table = "ledger_allowed_pair"

    def __str__(self) -> str:
        return f"{self.operation_kind}: {self.debit_kind} → {self.credit_kind}"


class PublishedTariff(models.Model):
    """A version of the platform's prices, or of a user's or team's own terms. Published, never edited."""

    version = models.IntegerField(primary_key=True)
    effective_from = models.DateTimeField()
    published_at = models.DateTimeField()
    terms = models.JSONField()
    """Decimal strings by name, as `ledger.domain.tariff` reads them: of an override only some."""
    user_id = models.BigIntegerField(null=True)
    team_id = models.BigIntegerField(null=True)
    """Whose terms they are; where neither is given, everybody's."""

    class Meta:
        db_table = "ledger_tariff"
        verbose_name = "tariff"
        ordering = ("effective_from", "version")
        constraints = (
            # The first version counts from the beginning of time.
            models.CheckConstraint(
                condition=models.Q(effective_from__gte=models.F("published_at")) | models.Q(version=1),
                name="ledger_tariff_not_before_published",
            ),
            models.CheckConstraint(
                condition=models.Q(user_id=None) | models.Q(team_id=None), name="ledger_tariff_of_one"
            ),
        )
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(user_id__isnull=False), name="ledger_tariff_of_user"
            ),
            models.Index(
                fields=("team_id",), condition=models.Q(team_id__isnull=False), name="ledger_tariff_of_team"
            ),
        )

    def __str__(self) -> str:
        return f"tariff {self.version}"


class MachineTermsHistory(models.Model):
    """A machine's owner and prices from `effective_from` on; written by a trigger on the machine."""

    id = models.BigAutoField(primary_key=True)
    machine_id = models.BigIntegerField()
    effective_from = models.DateTimeField()
    owner_id = models.BigIntegerField()
    columns = models.IntegerField()
    data_source_is_public = models.BooleanField()
    data_source_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    api_solving_is_public = models.BooleanField()
    api_solving_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    copy_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)
    copy_update_price = models.DecimalField(max_digits=20, decimal_places=8, null=True)

    class Meta:
        db_table = "ledger_machine_terms"
        verbose_name = "machine terms"
        verbose_name_plural = "machine terms"
        ordering = ("machine_id", "effective_from", "id")
        indexes = (
            models.Index(fields=("machine_id", "effective_from", "id"), name="ledger_machine_terms_at"),
        )

    def __str__(self) -> str:
        return f"machine {self.machine_id} from {self.effective_from}"


class ApiKey(models.Model):
    """A key of a service (a source and scopes) or of a user. Only the hash of its secret is kept."""

    class Scope(models.TextChoices):
        """What a key may do."""

        READ = "ledger:read"
        WRITE = "ledger:write"
        ADMIN = "ledger:admin"
        SUPER_ADMIN = "ledger:super-admin"

    prefix = models.CharField(max_length=12, unique=True)
    secret_hash = models.BinaryField()
    name = models.CharField(max_length=100)
    source = models.CharField(max_length=120, null=True, blank=True)
    """The one CloudEvents source that this key speaks as: `/services/training`."""
    user_id = models.BigIntegerField(null=True, blank=True)
    """A user's own key: it sees that user's and his teams' things only, and writes nothing."""
    scopes = ArrayField(models.CharField(max_length=30, choices=Scope.choices), default=list)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "ledger_api_key"
        verbose_name = "API key"
        ordering = ("id",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(source__isnull=False) ^ models.Q(user_id__isnull=False),
                name="ledger_api_key_of_service_or_user",
            ),
        )

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class HeldFunds(models.Model):
    """A hold as the last event about it left it: `kept` is that event's own words."""

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    state = models.CharField(max_length=8)
    expires_at = models.DateTimeField()
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_hold"
        verbose_name = "hold"
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(state="open"), name="ledger_hold_open_of_user"
            ),
            models.Index(
                fields=("expires_at",), condition=models.Q(state="open"), name="ledger_hold_open_until"
            ),
        )

    def __str__(self) -> str:
        return f"hold {self.id} ({self.state})"


class RequestedPayout(models.Model):
    """A payout as the last event about it left it: `kept` is that event's own words."""

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    state = models.CharField(max_length=9)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_payout"
        verbose_name = "payout"
        ordering = ("-id",)
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(state="requested"), name="ledger_payout_of_user"
            ),
        )

    def __str__(self) -> str:
        return f"payout {self.id} ({self.state})"


class ConsultingContract(models.Model):
    """A contract as the last event about it left it, by its consulting request: `kept` is that event's."""

    id = models.BigIntegerField(primary_key=True)
    user_id = models.BigIntegerField()
    """The client, whose lock it is changed under."""
    state = models.CharField(max_length=9)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_contract"
        verbose_name = "contract"
        ordering = ("-id",)

    def __str__(self) -> str:
        return f"contract {self.id} ({self.state})"


class CouponGrant(models.Model):
    """A grant as the last event about it left it. `remaining` is USD with 8 decimals."""

    id = models.UUIDField(primary_key=True)
    user_id = models.BigIntegerField()
    remaining = models.DecimalField(max_digits=20, decimal_places=8)
    expires_at = models.DateTimeField(null=True)
    code = models.CharField(max_length=40, null=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_grant"
        verbose_name = "coupon"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(condition=models.Q(remaining__gte=0), name="ledger_grant_not_negative"),
            models.UniqueConstraint("code", "user_id", name="ledger_grant_code_once"),
        )
        indexes = (
            models.Index(
                fields=("user_id",), condition=models.Q(remaining__gt=0), name="ledger_grant_live_of_user"
            ),
            models.Index(
                fields=("expires_at",), condition=models.Q(remaining__gt=0), name="ledger_grant_live_until"
            ),
        )

    def __str__(self) -> str:
        return f"grant {self.id}"


class ReversedOperation(models.Model):
    """How much of an operation was reversed, as the last reversal's event left it."""

    operation_id = models.UUIDField(primary_key=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_reversed"

    def __str__(self) -> str:
        return f"reversed of {self.operation_id}"


class CouponCode(models.Model):
    """A code that users redeem, once each, for `amount` USD of promotional credit."""

    code = models.CharField(primary_key=True, max_length=40)
    amount = models.DecimalField(max_digits=20, decimal_places=8)
    priority = models.IntegerField(default=100)
    kinds = ArrayField(models.CharField(max_length=40), null=True, blank=True)
    valid_days = models.IntegerField(null=True, blank=True)
    redeem_until = models.DateTimeField(null=True, blank=True)
    redemptions_max = models.IntegerField(null=True, blank=True)
    redemptions = models.IntegerField(default=0)

    class Meta:
        db_table = "ledger_coupon_code"
        ordering = ("code",)
        constraints = (
            models.CheckConstraint(condition=models.Q(amount__gt=0), name="ledger_coupon_code_amount"),
            models.CheckConstraint(
                condition=models.Q(redemptions_max=None)
                | models.Q(redemptions__lte=models.F("redemptions_max")),
                name="ledger_coupon_code_redemptions",
            ),
        )

    def __str__(self) -> str:
        return self.code


class Remaining(models.Model):
    """What remained of a grant, a hold or a payout after an event. Append-only; amounts have 8 decimals."""

    pk = models.CompositePrimaryKey("position", "subject")
    position = models.BigIntegerField()
    subject = models.UUIDField()
    subject_kind = models.CharField(max_length=6)
    user_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()
    remaining = models.DecimalField(max_digits=20, decimal_places=8)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "ledger_remaining"
        indexes = (models.Index(fields=("user_id", "subject", "position"), name="ledger_remaining_of_user"),)

    def __str__(self) -> str:
        return f"{self.remaining} of {self.subject_kind} {self.subject}"


class ProposedChange(models.Model):
    """What waits, or waited, for a second person: `kept` is its last event's own words."""

    id = models.UUIDField(primary_key=True)
    subject = models.CharField(max_length=20)
    user_id = models.BigIntegerField(null=True)
    """Whose accounts it is about, if anybody's."""
    state = models.CharField(max_length=8)
    expires_at = models.DateTimeField()
    proposer = models.CharField(max_length=200)
    resolver = models.CharField(max_length=200, null=True)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_proposal"
        verbose_name = "proposal"
        ordering = ("-id",)
        constraints = (
            models.CheckConstraint(
                condition=~models.Q(state="approved") | ~models.Q(resolver=models.F("proposer")),
                name="ledger_proposal_four_eyes",
            ),
        )
        indexes = (
            models.Index(
                fields=("expires_at",), condition=models.Q(state="open"), name="ledger_proposal_open"
            ),
        )

    def __str__(self) -> str:
        return f"proposal {self.id} ({self.state})"


class AdjustedAlone(models.Model):
    """What one person adjusted alone on one day (UTC) in one currency, up and down together."""

    key = models.CharField(primary_key=True, max_length=230)
    actor = models.CharField(max_length=200)
    day = models.DateField()
    currency = models.CharField(max_length=4)
    amount = models.DecimalField(max_digits=20, decimal_places=8)

    class Meta:
        db_table = "ledger_adjusted"
        indexes = (models.Index(fields=("actor", "day"), name="ledger_adjusted_of_actor"),)

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} by {self.actor} on {self.day}"


class PaymentReference(models.Model):
    """The digest of a payment reference that was used; gone once the reference's note is erased."""

    digest = models.CharField(primary_key=True, max_length=64)
    operation_id = models.UUIDField(unique=True)

    class Meta:
        db_table = "ledger_payment_reference"

    def __str__(self) -> str:
        return f"payment reference of {self.operation_id}"


class BookPeriod(models.Model):
    """A month that was closed, and perhaps reopened: `kept` is its last event's own words."""

    month = models.CharField(primary_key=True, max_length=7)
    """As in 2026-10, UTC."""
    state = models.CharField(max_length=6)
    version = models.IntegerField()
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    event_id = models.UUIDField()
    settled = models.BigIntegerField()
    proposer = models.CharField(max_length=200)
    resolver = models.CharField(max_length=200)
    kept = models.JSONField()

    class Meta:
        db_table = "ledger_period"
        verbose_name = "period"
        ordering = ("-month",)
        constraints = (
            models.CheckConstraint(
                condition=models.Q(state__in=["closed", "open"]), name="ledger_period_state"
            ),
            models.CheckConstraint(
                condition=~models.Q(resolver=models.F("proposer")), name="ledger_period_four_eyes"
            ),
        )

    def __str__(self) -> str:
        return f"{self.month} ({self.state})"


class PeriodBalance(models.Model):
    """What an account had at the end of a closed month, of all that counts until then.

    `balance` is on the account's normal side. Frozen: written at closing, gone when reopened.
    """

    pk = models.CompositePrimaryKey("month", "account_id")
    month = models.CharField(max_length=7)
    account_id = models.BigIntegerField()
    debits = models.DecimalField(max_digits=38, decimal_places=8)
    credits = models.DecimalField(max_digits=38, decimal_places=8)
    balance = models.DecimalField(max_digits=38, decimal_places=8)

    class Meta:
        db_table = "ledger_period_balance"

    def __str__(self) -> str:
        return f"{self.balance} on account {self.account_id} at the end of {self.month}"


class Reference(models.Model):
    """The latest state of a user, machine or work as its service told it, and whether it is applied."""

    pk = models.CompositePrimaryKey("kind", "thing_id")
    kind = models.CharField(max_length=7)
    thing_id = models.BigIntegerField()
    version = models.BigIntegerField()
    kept = models.JSONField()
    applied = models.BooleanField(default=False)
    tried_at = models.DateTimeField(null=True)
    """When the database last refused it: it is tried again."""
    gone_at = models.DateTimeField(null=True)
    """When its tombstone was sent: what was changed before brings it back no more."""

    class Meta:
        db_table = "ledger_reference"
        indexes = (
            models.Index(
                fields=("kind", "thing_id"),
                condition=models.Q(applied=False),
                name="ledger_reference_unapplied",
            ),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.thing_id} version {self.version}"
