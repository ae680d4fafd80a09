"""Apache Kafka that requires TLS and a password: in, out, and with the client library."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from kafka.errors import KafkaError

from easyautoml_ledger import topics
from easyautoml_ledger.listeners import OutcomeListener
from easyautoml_ledger.operations import Solving
from easyautoml_ledger.outcomes import OperationRecorded
from easyautoml_ledger.publisher import Publisher
from stack import Stack, StackError
from stack.apache_kafka import ApacheKafka, ClientSecurity
from stack.state import make_directory
from tests.events.kafka.faults.test_servers import make_people

pytestmark = [
    pytest.mark.kafka,
    pytest.mark.skipif(
        os.environ.get("LEDGER_TEST_KAFKA") != "apache",
        reason="the embedded broker has neither TLS nor users",
    ),
]

_USERS: Final = {"ledger": "ledger-password", "training": "training-password"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the certificate of an authority, and the key and certificate of the broker."""
    folder = tmp_path_factory.mktemp("authority")
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    ca = _certificate("authority", ca_key, ca_key, "authority", None)
    broker = _certificate("broker", key, ca_key, "authority", "127.0.0.1")
    (folder / "ca.pem").write_bytes(ca.public_bytes(Encoding.PEM))
    other = _certificate("another", key, key, "another", None)
    (folder / "another.pem").write_bytes(other.public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "broker.pem").write_bytes(private + broker.public_bytes(Encoding.PEM))
    return folder


@pytest.fixture(scope="module")
def secured(authority: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """A broker that requires TLS and a password."""
    directory = make_directory(tmp_path_factory.mktemp("secured"))
    kafka = ApacheKafka(directory, security=ClientSecurity(keystore=authority / "broker.pem", users=_USERS))
    try:
        yield kafka.start()
    finally:
        kafka.stop()


@pytest.fixture(scope="module")
def ledger(authority: Path, secured: ApacheKafka) -> Iterator[Stack]:
    """A separate ledger that knows the password."""
    environment = {
        "KAFKA_BOOTSTRAP_SERVERS": secured.bootstrap_servers,
        "LEDGER_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "LEDGER_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
        "LEDGER_KAFKA_SASL_USERNAME": "ledger",
        "LEDGER_KAFKA_SASL_PASSWORD": _USERS["ledger"],
        "LEDGER_KAFKA_SSL_CAFILE": str(authority / "ca.pem"),
    }
    with Stack(kafka=None, durable=False, environment=environment) as stack:
        stack.setup()
        stack.manage("topics")
        make_people(stack)
        yield stack


def test_operations_are_read_and_their_outcomes_published(
    ledger: Stack, secured: ApacheKafka, authority: Path
) -> None:
    """The ledger authenticates with SCRAM, the training service with PLAIN, both over TLS."""
    options: dict[str, Any] = {
        "bootstrap_servers": secured.bootstrap_servers,
        "source": topics.TRAINING_SERVICE,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "PLAIN",
        "sasl_plain_username": "training",
        "sasl_plain_password": _USERS["training"],
        "ssl_cafile": str(authority / "ca.pem"),
    }
    ledger.start("ingest")
    ledger.start("relay")
    with OutcomeListener(**options) as listener, Publisher(**options) as publisher:
        solving = Solving(type="solving", operation_user=1001, machine=1001, count_of_lines=1)
        ids = [publisher.publish(solving).id for _ in range(50)]
        publisher.flush()
        outcomes = [listener.wait_for(id_, timeout_seconds=60) for id_ in ids]
    assert all(isinstance(outcome, OperationRecorded) for outcome in outcomes)
    assert ledger.postgres is not None
    assert ledger.postgres.sql("select count(*) from events_dead_letter") == "0"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("LEDGER_KAFKA_SASL_PASSWORD", "wrong"),
        ("LEDGER_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT"),
        ("LEDGER_KAFKA_SSL_CAFILE", "another.pem"),
    ],
)
def test_a_ledger_that_is_not_let_in_reports_it(
    ledger: Stack, authority: Path, setting: str, value: str
) -> None:
    """A wrong password, no TLS, and a broker with a certificate of another authority."""
    right = ledger.environment[setting]
    ledger.environment[setting] = str(authority / value) if value.endswith(".pem") else value
    try:
        with pytest.raises(StackError, match="no broker answers"):
            ledger.manage("topics")
    finally:
        ledger.environment[setting] = right


def test_a_client_with_a_wrong_password_is_not_let_in(secured: ApacheKafka, authority: Path) -> None:
    """It fails when it connects."""
    options: dict[str, Any] = {
        "bootstrap_servers": secured.bootstrap_servers,
        "security_protocol": "SASL_SSL",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "training",
        "sasl_plain_password": "wrong",
        "ssl_cafile": str(authority / "ca.pem"),
        "bootstrap_timeout_ms": 3_000,
    }
    with pytest.raises(KafkaError):
        OutcomeListener(source=topics.TRAINING_SERVICE, **options)


def _certificate(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    issuer: str,
    address: str | None,
) -> x509.Certificate:
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=address is None, path_length=None), critical=True)
    )
    if address is not None:
        names = x509.SubjectAlternativeName([x509.IPAddress(ip_address(address))])
        made = made.add_extension(names, critical=False)
    return made.sign(signer, hashes.SHA256())
