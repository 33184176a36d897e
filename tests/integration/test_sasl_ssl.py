"""The product over TLS with a password: every client of a worker logs in, and says so when it is refused."""

import asyncio
import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from app import avro
from app.broker.cluster import brokers, kafka_java
from app.broker.kafka import Broker, Node
from app.broker.server import free_ports
from app.identity import recipient_key
from app.settings import Settings
from app.stream.worker import connection
from app.topics import Topic
from tests.unit.domain.samples import asked

ROOT = Path(__file__).parents[2]
LONGEST_S = 60
MECHANISMS = ["PLAIN", "SCRAM-SHA-512"]
USER, PASSWORD, WRONG = "worker", "a-pass=word; of 'the' worker", "not-that-one"
LOGIN = "org.apache.kafka.common.security"


class Authority:
    """A CA that signs one certificate, for a broker on this machine."""

    def __init__(self, folder: Path) -> None:
        self.file, self.keystore = folder / "ca.pem", folder / "broker.pem"
        own, broker = generate_private_key(SECP256R1()), generate_private_key(SECP256R1())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.IPv4Address("127.0.0.1"))]
        authority = signed("authority", own, own, x509.BasicConstraints(ca=True, path_length=0))
        certificate = signed("broker", broker, own, x509.SubjectAlternativeName(names))
        key = broker.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        self.file.write_bytes(authority.public_bytes(Encoding.PEM))
        self.keystore.write_bytes(key + certificate.public_bytes(Encoding.PEM))


def signed(
    name: str, key: EllipticCurvePrivateKey, signer: EllipticCurvePrivateKey, extension: x509.ExtensionType
) -> x509.Certificate:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name.from_rfc4514_string(f"CN={name}"))
        .issuer_name(x509.Name.from_rfc4514_string("CN=authority"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(extension, critical=True)
        .sign(signer, hashes.SHA256())
    )


def listeners(port: int, controller: int, secured: int, authority: Authority) -> dict[str, str]:
    """Return a broker's properties; clients are told to go on at `localhost`, so they meet both names."""
    plaintext = f"PLAINTEXT://127.0.0.1:{port}"
    name = "listener.name.sasl_ssl"
    return {
        "listeners": f"{plaintext},CONTROLLER://127.0.0.1:{controller},SASL_SSL://127.0.0.1:{secured}",
        "advertised.listeners": f"{plaintext},SASL_SSL://localhost:{secured}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL_SSL:SASL_SSL",
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(authority.keystore),
        "sasl.enabled.mechanisms": ",".join(MECHANISMS),
        f"{name}.plain.sasl.jaas.config": f'{LOGIN}.plain.PlainLoginModule required user_{USER}="{PASSWORD}";',
        f"{name}.scram-sha-512.sasl.jaas.config": f"{LOGIN}.scram.ScramLoginModule required;",
    }


def add_scram_user(broker: Broker) -> None:
    tool = [*broker.java, "kafka.admin.ConfigCommand", "--bootstrap-server", broker.bootstrap, "--alter"]
    user = ["--entity-type", "users", "--entity-name", USER]
    subprocess.run([*tool, *user, "--add-config", f"SCRAM-SHA-512=[password={PASSWORD}]"], check=True)


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Settings]:
    """Run a broker that takes clients over SASL_SSL."""
    authority = Authority(tmp_path_factory.mktemp("authority"))
    port, controller, secured = free_ports(3)
    node = Node(1, port, controller, extra=listeners(port, controller, secured, authority))
    (broker,) = brokers(tmp_path_factory.mktemp("kafka"), [node], kafka_java(512))
    broker.start()
    try:
        add_scram_user(broker)
        yield Settings(
            bootstrap_servers=f"127.0.0.1:{secured}",
            security_protocol="SASL_SSL",
            sasl_username=USER,
            sasl_password=SecretStr(PASSWORD),
            ssl_cafile=authority.file,
            partitions=1,
            web_port=0,
        )
    finally:
        broker.kill()


def start(settings: Settings, folder: Path, *words: str) -> subprocess.Popen[str]:
    """Start a command with these settings."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("UNDELIVERED_")}
    chosen = {name: str(getattr(settings, name)) for name in settings.model_fields_set}
    chosen["sasl_password"] = settings.sasl_password.get_secret_value()
    own = {f"UNDELIVERED_{name.upper()}": value for name, value in chosen.items()}
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", *words],
        cwd=folder,
        env=inherited | own | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return a command's exit code and what it said; it is killed when it does not end in time."""
    try:
        output, _ = process.communicate(timeout=LONGEST_S)
    finally:
        process.kill()
    return process.returncode, output


async def ask(settings: Settings, people: list[str]) -> None:
    async with AIOKafkaProducer(**connection(settings), acks="all") as producer:
        for person in people:
            request = asked(f"request-{person}", time.time_ns() // 1000, "suppress") | {"recipient": person}
            key = recipient_key(str(request["tenant"]), person).encode()
            value = avro.encode(Topic.SUPPRESSION_REQUESTED, request)
            await producer.send_and_wait(Topic.SUPPRESSION_REQUESTED, value, key)


async def missing(settings: Settings, people: list[str], worker: subprocess.Popen[str]) -> set[str]:
    """Return who is not suppressed when all are, or when the worker has ended."""
    left = set(people)
    reading = {"isolation_level": "read_committed", "auto_offset_reset": "earliest"}
    async with asyncio.timeout(LONGEST_S), AIOKafkaConsumer(**connection(settings), **reading) as consumer:
        consumer.assign([TopicPartition(Topic.SUPPRESSION_CHANGED, 0)])
        while left and worker.poll() is None:
            for records in (await consumer.getmany(timeout_ms=200)).values():
                left -= {avro.decode(Topic.SUPPRESSION_CHANGED, record.value)["recipient"] for record in records}
    return left


@pytest.mark.parametrize("mechanism", MECHANISMS)
async def test_a_worker_does_its_work_over_sasl_ssl(secured: Settings, tmp_path: Path, mechanism: str) -> None:
    """From the topics to an orderly end; no line of it holds the password."""
    settings = secured.model_copy(update={"sasl_mechanism": mechanism})
    people = [f"+4478100{len(mechanism):02}{number:03}" for number in range(3)]
    code, output = ended(start(settings, tmp_path, "topics", "create"))
    assert (code, "topics created" in output) == (0, True), output
    worker = start(settings, tmp_path, "worker")
    try:
        await ask(settings, people)
        left = await missing(settings, people, worker)
    finally:
        worker.send_signal(signal.SIGTERM)
        code, output = ended(worker)
    assert (left, code, PASSWORD in output, "Traceback" in output) == (set(), 0, False, False), output


@pytest.mark.parametrize("mechanism", MECHANISMS)
def test_a_wrong_password_ends_a_worker_with_a_line(secured: Settings, tmp_path: Path, mechanism: str) -> None:
    refused = secured.model_copy(update={"sasl_mechanism": mechanism, "sasl_password": SecretStr(WRONG)})
    code, output = ended(start(refused, tmp_path, "worker"))
    expected = f"undelivered: Kafka at {secured.bootstrap_servers}: [Error 58] SaslAuthenticationFailed: "
    assert (code, output.count("\n"), output.startswith(expected), WRONG in output) == (1, 1, True, False), output


def test_a_stranger_s_certificate_ends_a_worker_with_a_line(secured: Settings, tmp_path: Path) -> None:
    """The broker's CA is not the one that is trusted."""
    settings = secured.model_copy(update={"ssl_cafile": Authority(tmp_path).file})
    code, output = ended(start(settings, tmp_path, "worker"))
    assert (code, output.count("\n"), "CERTIFICATE_VERIFY_FAILED" in output) == (1, 1, True), output
