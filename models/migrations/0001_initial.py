"""The first tables.

The links from an operation to its entries are plain numbers at first: operations and entries
refer to each other, and the columns are to stand where the model names them. That they become
links changes nothing in the database, where partial unique indexes take the place of full ones.
"""

import uuid
from decimal import Decimal

import django.core.validators
import django.db.models.deletion
import django.db.models.functions.text
import django.db.models.lookups
import django.db.models.manager
import django.utils.timezone
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [
        migrations.CreateModel(
            name="User",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("password", models.CharField(max_length=128, verbose_name="password")),
                (
                    "is_superuser",
                    models.BooleanField(
                        default=False,
                        help_text="Designates that this user has all permissions without explicitly assigning them.",
                        verbose_name="superuser status",
                    ),
                ),
                (
                    "email",
                    models.EmailField(
                        help_text="Primary email address for authentication",
                        max_length=254,
                        null=True,
                        unique=True,
                        validators=[django.core.validators.EmailValidator()],
                    ),
                ),
                ("first_name", models.CharField(blank=True, max_length=140, null=True)),
                ("last_name", models.CharField(blank=True, max_length=140, null=True)),
                (
                    "user_profile",
                    models.TextField(
                        blank=True, help_text="User profile description and preferences", null=True
                    ),
                ),
                (
                    "time_format",
                    models.CharField(
                        choices=[("12H", "12 Hour"), ("24H", "24 Hour")],
                        default="24H",
                        help_text="Preferred time format display",
                        max_length=3,
                    ),
                ),
                (
                    "date_format",
                    models.CharField(
                        choices=[("DMY", "Day-Month-Year"), ("MDY", "Month-Day-Year")],
                        default="DMY",
                        help_text="Preferred date format display",
                        max_length=3,
                    ),
                ),
                (
                    "date_separator",
                    models.CharField(
                        choices=[("/", "Slash"), ("-", "Dash"), (".", "Dot")],
                        default="/",
                        help_text="Date component separator",
                        max_length=1,
                    ),
                ),
                (
                    "datetime_separator",
                    models.CharField(
                        choices=[(" ", "Space"), ("T", "T separator")],
                        default=" ",
                        help_text="Date-time separator",
                        max_length=1,
                    ),
                ),
                (
                    "decimal_separator",
                    models.CharField(
                        choices=[(",", "Comma"), (".", "Dot")],
                        default=",",
                        help_text="Decimal number separator",
                        max_length=1,
                    ),
                ),
                (
                    "user_balance",
                    models.DecimalField(
                        db_default=Decimal(0),
                        decimal_places=8,
                        default=Decimal(0),
                        help_text="USD balance for platform usage",
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                (
                    "user_ixioo_balance",
                    models.DecimalField(
                        db_default=Decimal(0),
                        decimal_places=8,
                        default=Decimal(0),
                        help_text="EAML token balance for advanced features",
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                (
                    "coupon_balance",
                    models.DecimalField(
                        db_default=Decimal(0),
                        decimal_places=8,
                        default=Decimal(0),
                        help_text="Promotional coupon balance",
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                (
                    "is_super_admin",
                    models.BooleanField(
                        default=False, help_text="Super administrator with full system access"
                    ),
                ),
                (
                    "is_staff",
                    models.BooleanField(default=False, help_text="Staff member with administrative access"),
                ),
                ("is_active", models.BooleanField(default=True, help_text="Active user account status")),
                ("date_joined", models.DateTimeField(auto_now_add=True)),
                ("last_login", models.DateTimeField(blank=True, null=True)),
                (
                    "groups",
                    models.ManyToManyField(
                        blank=True,
                        help_text="The groups this user belongs to. A user will get all permissions granted to each of their groups.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.group",
                        verbose_name="groups",
                    ),
                ),
                (
                    "user_permissions",
                    models.ManyToManyField(
                        blank=True,
                        help_text="Specific permissions for this user.",
                        related_name="user_set",
                        related_query_name="user",
                        to="auth.permission",
                        verbose_name="user permissions",
                    ),
                ),
            ],
            options={
                "base_manager_name": "objects",
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("user_balance__gte", 0)), name="user_user_balance_not_negative"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("user_ixioo_balance__gte", 0)),
                        name="user_user_ixioo_balance_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("coupon_balance__gte", 0)),
                        name="user_coupon_balance_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Team",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=200)),
                (
                    "admin_user",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("url", models.URLField(blank=True, default=None, null=True, unique=True)),
                (
                    "permission",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="auth.permission",
                    ),
                ),
                (
                    "users",
                    models.ManyToManyField(blank=True, related_name="Teams", to=settings.AUTH_USER_MODEL),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("admin_user", "name"),
                        name="team_name_unique_per_admin",
                        violation_error_message="This user has a team of that name already.",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="TeamInvitationAcceptance",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="acceptances",
                        to="models.team",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="acceptances",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("link_digest", models.CharField(max_length=64)),
                ("accepted_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("link_digest", "user"), name="team_invitation_once_per_user"
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="NNModel",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("nn_model", models.BinaryField(blank=True, max_length=750000000, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="EncDecConfiguration",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("enc_dec_config", models.JSONField(blank=True, default=dict, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Machine",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("machine_name", models.CharField(max_length=500)),
                ("machine_description", models.TextField(blank=True)),
                (
                    "machine_level",
                    models.IntegerField(choices=[(1, 1), (2, 2), (3, 3), (4, 4), (5, 5)], default=1),
                ),
                (
                    "machine_owner_user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "machine_owner_team",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.SET_NULL, to="models.team"
                    ),
                ),
                ("machine_data_source_is_public", models.BooleanField(default=False)),
                (
                    "machine_data_source_price_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=20,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                ("machine_api_solving_is_public", models.BooleanField(default=False)),
                (
                    "machine_api_solving_price_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=20,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                (
                    "machine_copy_price_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=20,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                (
                    "machine_copy_update_price_usd",
                    models.DecimalField(
                        blank=True,
                        decimal_places=8,
                        max_digits=20,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(Decimal(0))],
                    ),
                ),
                ("dfr_columns_type_user_df", models.JSONField(blank=True, default=dict)),
                ("mdc_columns_name_input", models.JSONField(blank=True, default=dict)),
                ("mdc_columns_name_output", models.JSONField(blank=True, default=dict)),
                ("mdc_columns_data_type", models.JSONField(blank=True, default=dict)),
                (
                    "parameter_nn_loss",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("mse", "mse"),
                            ("mae", "mae"),
                            ("binary_crossentropy", "binary_crossentropy"),
                        ],
                        max_length=100,
                        null=True,
                    ),
                ),
                (
                    "parameter_nn_optimizer",
                    models.CharField(
                        blank=True,
                        choices=[("adam", "adam"), ("sgd", "sgd"), ("rmsprop", "rmsprop")],
                        max_length=150,
                        null=True,
                    ),
                ),
                ("parameter_nn_shape", models.JSONField(blank=True, default=dict, null=True)),
                (
                    "training_nn_model",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="machine_nn_model",
                        to="models.nnmodel",
                    ),
                ),
                (
                    "enc_dec_configuration",
                    models.OneToOneField(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="machine_enc_dec_configuration",
                        to="models.encdecconfiguration",
                    ),
                ),
                (
                    "training_eval_loss_sample_training",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                (
                    "training_eval_accuracy_sample_training",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("machine_level__range", (1, 5))), name="machine_level_1_to_5"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("machine_data_source_price_usd__gte", 0)),
                        name="machine_data_source_price_usd_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("machine_api_solving_price_usd__gte", 0)),
                        name="machine_api_solving_price_usd_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("machine_copy_price_usd__gte", 0)),
                        name="machine_copy_price_usd_not_negative",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("machine_copy_update_price_usd__gte", 0)),
                        name="machine_copy_update_price_usd_not_negative",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Graph",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "machine",
                    models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="models.machine"),
                ),
                (
                    "graph_type",
                    models.IntegerField(
                        choices=[
                            (1, "Scatterplot with multiple semantics"),
                            (2, "Timeseries with error bands"),
                            (3, "Hexbin with marginal distributions"),
                            (4, "Stacked histogram on a log scale"),
                            (5, "Bivariate plot with multiple elements"),
                            (6, "Scatterplot with continuous hues and sizes"),
                            (7, "Linear regression with marginal distributions"),
                            (8, "Grouped boxplots"),
                            (9, "Grouped violinplots with split violins"),
                            (10, "Three-way ANOVA"),
                            (11, "Large distributions"),
                            (12, "Horizontal boxplot with observations"),
                            (13, "Horizontal bar plots"),
                        ],
                        default=1,
                    ),
                ),
                ("hue", models.CharField(default="Light24", max_length=255, null=True)),
                ("x", models.CharField(blank=True, max_length=255, null=True)),
                ("y", models.CharField(blank=True, max_length=255, null=True)),
                ("size", models.CharField(blank=True, max_length=255, null=True)),
                ("style", models.CharField(blank=True, max_length=255, null=True)),
                ("col", models.CharField(blank=True, max_length=255, null=True)),
                ("row", models.CharField(blank=True, max_length=255, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Server",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("server_name", models.CharField(max_length=50, unique=True)),
                ("server_date_time", models.DateTimeField(auto_now_add=True)),
                ("server_info_ready", models.BooleanField(blank=True, db_index=True, null=True)),
                ("server_gpu_ram", models.JSONField(blank=True, default=list)),
            ],
        ),
        migrations.CreateModel(
            name="Work",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "machine",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, related_name="Work", to="models.machine"
                    ),
                ),
                (
                    "server",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="models.server"
                    ),
                ),
                ("is_work_training", models.BooleanField(blank=True, null=True)),
                ("is_work_solving", models.BooleanField(blank=True, null=True)),
                ("is_work_status_wait_for_server_start", models.BooleanField(blank=True, null=True)),
                ("is_work_status_server_processing", models.BooleanField(blank=True, null=True)),
                ("is_work_status_server_finished", models.BooleanField(blank=True, null=True)),
                ("is_work_status_server_error", models.BooleanField(blank=True, null=True)),
                ("work_started_at_date_time", models.DateTimeField(auto_now=True)),
                ("work_finished_at_date_time", models.DateTimeField(blank=True, null=True)),
                (
                    "work_duration_estimation_seconds",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("is_work_status_wait_for_server_start", True)),
                        fields=["id"],
                        name="work_waiting",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(("is_work_training", True), ("is_work_training__isnull", False)),
                                models.Q(("is_work_solving", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(("is_work_solving", True), ("is_work_solving__isnull", False)),
                                models.Q(("is_work_training", True), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="work_exactly_one_mode",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(
                                    ("is_work_status_wait_for_server_start", True),
                                    ("is_work_status_wait_for_server_start__isnull", False),
                                ),
                                models.Q(("is_work_status_server_processing", True), _negated=True),
                                models.Q(("is_work_status_server_error", True), _negated=True),
                                models.Q(("is_work_status_server_finished", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_work_status_server_processing", True),
                                    ("is_work_status_server_processing__isnull", False),
                                ),
                                models.Q(("is_work_status_wait_for_server_start", True), _negated=True),
                                models.Q(("is_work_status_server_error", True), _negated=True),
                                models.Q(("is_work_status_server_finished", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_work_status_server_error", True),
                                    ("is_work_status_server_error__isnull", False),
                                ),
                                models.Q(("is_work_status_wait_for_server_start", True), _negated=True),
                                models.Q(("is_work_status_server_processing", True), _negated=True),
                                models.Q(("is_work_status_server_finished", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_work_status_server_finished", True),
                                    ("is_work_status_server_finished__isnull", False),
                                ),
                                models.Q(("is_work_status_wait_for_server_start", True), _negated=True),
                                models.Q(("is_work_status_server_processing", True), _negated=True),
                                models.Q(("is_work_status_server_error", True), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="work_exactly_one_status",
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="DataLinesOperation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("machine_id", models.IntegerField(db_index=True)),
                ("is_added_for_learning", models.BooleanField(blank=True, null=True)),
                ("is_added_for_solving", models.BooleanField(blank=True, null=True)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("is_added_for_learning", True), ("is_added_for_solving", True), _negated=True
                        ),
                        name="data_lines_for_one_purpose",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="MachineTableLockWrite",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("table_name", models.CharField(max_length=255, unique=True)),
                ("locked_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
        ),
        migrations.CreateModel(
            name="ConsultingRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.SET_NULL, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "team",
                    models.ForeignKey(
                        blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, to="models.team"
                    ),
                ),
                (
                    "category",
                    models.CharField(
                        choices=[
                            ("1", "Data Engineering"),
                            ("2", "Machine performance"),
                            ("3", "API Integration"),
                            ("4", "Other"),
                        ],
                        max_length=1,
                    ),
                ),
                ("description", models.TextField(blank=True)),
                ("file", models.BinaryField(blank=True, max_length=16777216, null=True)),
                (
                    "machine",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="models.machine",
                    ),
                ),
                ("is_status_request_open", models.BooleanField(blank=True, null=True)),
                ("is_status_waiting_consultant_approval", models.BooleanField(blank=True, null=True)),
                ("is_status_contract", models.BooleanField(blank=True, null=True)),
                ("is_status_contract_finished", models.BooleanField(blank=True, null=True)),
                ("is_status_cancelled", models.BooleanField(blank=True, null=True)),
                (
                    "consultant_user",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="Consultant_User",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "amount_usd",
                    models.IntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                (
                    "budget_estimation",
                    models.FloatField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
                (
                    "delay_days",
                    models.IntegerField(
                        blank=True, null=True, validators=[django.core.validators.MinValueValidator(0)]
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(
                                models.Q(
                                    ("is_status_request_open", True),
                                    ("is_status_request_open__isnull", False),
                                ),
                                models.Q(("is_status_waiting_consultant_approval", True), _negated=True),
                                models.Q(("is_status_contract", True), _negated=True),
                                models.Q(("is_status_contract_finished", True), _negated=True),
                                models.Q(("is_status_cancelled", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_status_waiting_consultant_approval", True),
                                    ("is_status_waiting_consultant_approval__isnull", False),
                                ),
                                models.Q(("is_status_request_open", True), _negated=True),
                                models.Q(("is_status_contract", True), _negated=True),
                                models.Q(("is_status_contract_finished", True), _negated=True),
                                models.Q(("is_status_cancelled", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(("is_status_contract", True), ("is_status_contract__isnull", False)),
                                models.Q(("is_status_request_open", True), _negated=True),
                                models.Q(("is_status_waiting_consultant_approval", True), _negated=True),
                                models.Q(("is_status_contract_finished", True), _negated=True),
                                models.Q(("is_status_cancelled", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_status_contract_finished", True),
                                    ("is_status_contract_finished__isnull", False),
                                ),
                                models.Q(("is_status_request_open", True), _negated=True),
                                models.Q(("is_status_waiting_consultant_approval", True), _negated=True),
                                models.Q(("is_status_contract", True), _negated=True),
                                models.Q(("is_status_cancelled", True), _negated=True),
                            ),
                            models.Q(
                                models.Q(
                                    ("is_status_cancelled", True), ("is_status_cancelled__isnull", False)
                                ),
                                models.Q(("is_status_request_open", True), _negated=True),
                                models.Q(("is_status_waiting_consultant_approval", True), _negated=True),
                                models.Q(("is_status_contract", True), _negated=True),
                                models.Q(("is_status_contract_finished", True), _negated=True),
                            ),
                            _connector="OR",
                        ),
                        name="consulting_exactly_one_status",
                    ),
                    models.CheckConstraint(
                        condition=django.db.models.lookups.LessThanOrEqual(
                            django.db.models.functions.text.Length("file"), 16777216
                        ),
                        name="consulting_file_fits",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_usd__gte", 0)), name="consulting_amount_not_negative"
                    ),
                ],
            },
        ),
        migrations.CreateModel(
            name="Operation",
            fields=[
                (
                    "id",
                    models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False),
                ),
                (
                    "machine",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to="models.machine",
                    ),
                ),
                (
                    "machine_owner",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="operations_as_machine_owner",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "operation_user",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                ("is_training_operation", models.BooleanField(default=False)),
                ("is_solving_operation", models.BooleanField(default=False)),
                ("is_solving_with_api_operation", models.BooleanField(default=False)),
                ("is_solving_with_api_market_operation", models.BooleanField(default=False)),
                ("is_buy_data_source_operation", models.BooleanField(default=False)),
                ("is_machine_copy_operation", models.BooleanField(default=False)),
                ("is_machine_copy_update_operation", models.BooleanField(default=False)),
                ("is_credit_from_user_operation", models.BooleanField(default=False)),
                ("is_pay_a_bill_operation", models.BooleanField(default=False)),
                ("count_of_lines", models.IntegerField(blank=True, null=True)),
                ("count_of_training_epoch", models.IntegerField(blank=True, null=True)),
                ("credit", models.BigIntegerField(blank=True, db_column="credit_id", null=True)),
                ("debit", models.BigIntegerField(blank=True, db_column="debit_id", null=True)),
                ("credit_ixioo", models.BigIntegerField(blank=True, db_column="credit_ixioo_id", null=True)),
                ("debit_ixioo", models.BigIntegerField(blank=True, db_column="debit_ixioo_id", null=True)),
                ("kind", models.CharField(max_length=40)),
                ("position", models.BigIntegerField(unique=True)),
                ("recorded_machine_id", models.BigIntegerField(blank=True, null=True)),
                ("recorded_machine_owner_id", models.BigIntegerField(blank=True, null=True)),
                ("recorded_operation_user_id", models.BigIntegerField(blank=True, null=True)),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("effective_at", models.DateTimeField()),
            ],
            options={
                "base_manager_name": "cascades",
                "indexes": [
                    models.Index(fields=["operation_user", "position"], name="operation_user_position"),
                    models.Index(fields=["machine", "position"], name="operation_machine_position"),
                    models.Index(fields=["machine_owner", "position"], name="operation_owner_position"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("credit__isnull", False)),
                        fields=("credit",),
                        name="operation_credit_linked_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("debit__isnull", False)),
                        fields=("debit",),
                        name="operation_debit_linked_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("credit_ixioo__isnull", False)),
                        fields=("credit_ixioo",),
                        name="operation_credit_ixioo_linked_once",
                    ),
                    models.UniqueConstraint(
                        condition=models.Q(("debit_ixioo__isnull", False)),
                        fields=("debit_ixioo",),
                        name="operation_debit_ixioo_linked_once",
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("cascades", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Entry",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "operation",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="entries",
                        to="models.operation",
                    ),
                ),
                ("transfer", models.SmallIntegerField()),
                ("side", models.CharField(choices=[("D", "Debit"), ("C", "Credit")], max_length=1)),
                ("account_id", models.BigIntegerField()),
                (
                    "user",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="entries",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "currency",
                    models.CharField(choices=[("USD", "US dollar"), ("EAML", "EAML token")], max_length=4),
                ),
                ("amount", models.DecimalField(decimal_places=8, max_digits=20)),
                (
                    "balance_after",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("account_version", models.BigIntegerField(blank=True, null=True)),
                ("position", models.BigIntegerField()),
                ("occurred_at", models.DateTimeField()),
                ("recorded_at", models.DateTimeField()),
                ("effective_at", models.DateTimeField()),
            ],
            options={
                "verbose_name_plural": "entries",
                "base_manager_name": "cascades",
                "indexes": [
                    models.Index(
                        condition=models.Q(("user__isnull", False)),
                        fields=["user", "recorded_at"],
                        name="entry_user_recorded_at",
                    )
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("amount__gt", 0)), name="entry_amount_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("side__in", ["D", "C"])), name="entry_side_known"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("currency__in", ["USD", "EAML"])), name="entry_currency_known"
                    ),
                    models.UniqueConstraint(
                        fields=("operation", "transfer", "side"), name="entry_one_per_side"
                    ),
                    models.UniqueConstraint(
                        fields=("account_id", "account_version"), name="entry_one_per_account_version"
                    ),
                ],
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("cascades", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="Credit",
            fields=[],
            options={
                "proxy": True,
            },
            bases=("models.entry",),
        ),
        migrations.CreateModel(
            name="Debit",
            fields=[],
            options={
                "proxy": True,
            },
            bases=("models.entry",),
        ),
        migrations.CreateModel(
            name="CreditIXIOO",
            fields=[],
            options={
                "verbose_name": "credit IXIOO",
                "verbose_name_plural": "credits IXIOO",
                "proxy": True,
            },
            bases=("models.entry",),
        ),
        migrations.CreateModel(
            name="DebitIXIOO",
            fields=[],
            options={
                "verbose_name": "debit IXIOO",
                "verbose_name_plural": "debits IXIOO",
                "proxy": True,
            },
            bases=("models.entry",),
        ),
        migrations.SeparateDatabaseAndState(
            state_operations=[
                migrations.AlterField(
                    model_name="operation",
                    name="credit",
                    field=models.OneToOneField(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="operation_as_credit",
                        to="models.credit",
                    ),
                ),
                migrations.AlterField(
                    model_name="operation",
                    name="debit",
                    field=models.OneToOneField(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="operation_as_debit",
                        to="models.debit",
                    ),
                ),
                migrations.AlterField(
                    model_name="operation",
                    name="credit_ixioo",
                    field=models.OneToOneField(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="operation_as_credit_ixioo",
                        to="models.creditixioo",
                    ),
                ),
                migrations.AlterField(
                    model_name="operation",
                    name="debit_ixioo",
                    field=models.OneToOneField(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="operation_as_debit_ixioo",
                        to="models.debitixioo",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Billing",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "machine",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to="models.machine"
                    ),
                ),
                (
                    "machine_owner_user",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="billings_as_machine_owner",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "Operation_User",
                    models.ForeignKey(
                        null=True, on_delete=django.db.models.deletion.CASCADE, to=settings.AUTH_USER_MODEL
                    ),
                ),
                ("OperationIsTraining", models.BooleanField(blank=True, null=True)),
                ("CountOfLinesTraining", models.IntegerField(blank=True, null=True)),
                ("CountOfTrainingEpoch", models.IntegerField(blank=True, null=True)),
                (
                    "TrainingCostMachineUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsSolving", models.BooleanField(blank=True, null=True)),
                ("CountOfLinesSolvedOwner", models.IntegerField(blank=True, null=True)),
                (
                    "SolvingCostMachineUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsSolvingAPI", models.BooleanField(blank=True, null=True)),
                ("CountOfLinesSolvedAPI", models.IntegerField(blank=True, null=True)),
                (
                    "SolvingAPIIncomeUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                (
                    "SolvingAPITotalCostUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsBuyDataSource", models.BooleanField(blank=True, null=True)),
                (
                    "BuyDataSourceIncomeUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsMachineCopy", models.BooleanField(blank=True, null=True)),
                (
                    "MachineCopyIncomeUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsMachineCopyUpdate", models.BooleanField(blank=True, null=True)),
                (
                    "MachineCopyUpdateIncomeUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("OperationIsMachineExport", models.BooleanField(blank=True, null=True)),
                (
                    "MachineExportIncomeUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                (
                    "MachineExportCostUSD",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                (
                    "CreditFromIXIOO",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                (
                    "CreditFromUser",
                    models.DecimalField(blank=True, decimal_places=8, max_digits=20, null=True),
                ),
                ("operation_position", models.BigIntegerField(blank=True, null=True, unique=True)),
            ],
            options={
                "base_manager_name": "cascades",
            },
            managers=[
                ("objects", django.db.models.manager.Manager()),
                ("cascades", django.db.models.manager.Manager()),
            ],
        ),
        migrations.CreateModel(
            name="EasyAutoMLLogger",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("timestamp", models.DateTimeField(auto_now_add=True, db_index=True)),
                ("traceback", models.TextField(blank=True)),
                ("level", models.TextField()),
                ("logger", models.TextField()),
                ("main_module", models.TextField()),
                ("main_function", models.TextField()),
                ("message", models.TextField(blank=True)),
                ("host_name", models.TextField()),
                ("ip", models.TextField()),
            ],
        ),
    ]
