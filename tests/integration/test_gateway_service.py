"""TLS, several processes, rates and networks, on the gateway as a process; no broker is needed for most of it."""

import datetime as dt
import os
import resource
import signal
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.integration.gateway_process import SECRET, GatewayProcess, numbered, request

NOWHERE = "127.0.0.1:1"


class Certificates:
    """An authority of one's own, and what it has signed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self.ca = folder / "ca.pem"
        self.ca.write_bytes(self._signed("authority", self._key, is_ca=True).public_bytes(Encoding.PEM))

    def of(self, name: str) -> tuple[Path, Path]:
        """Return the files of a new certificate and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        certificate, private = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate.write_bytes(self._signed(name, key, is_ca=False).public_bytes(Encoding.PEM))
        private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return certificate, private

    def _signed(self, name: str, key: ec.EllipticCurvePrivateKey, *, is_ca: bool) -> x509.Certificate:
        now = dt.datetime.now(dt.UTC)
        day = dt.timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
            .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")]))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - day)
            .not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
            .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
            .sign(self._key, SHA256())
        )


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return Certificates(tmp_path)


def over_tls(process: GatewayProcess, context: ssl.SSLContext, data: bytes) -> bytes:
    with (
        socket.create_connection(("127.0.0.1", process.port), 10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(data)
        return connection.recv(65_536)


def over_tls_alone(certificates: Certificates, folder: Path, **settings: object) -> GatewayProcess:
    """Start one with a spool and no broker, whose `/livez` cannot be asked without TLS."""
    certificate, key = certificates.of("gateway")
    files = {"spool_dir": folder / "spool", "tls_certificate": certificate, "tls_key": key}
    process = GatewayProcess(NOWHERE, folder, **{name: str(path) for name, path in files.items()}, **settings)
    process.launch()
    process.until_logged("metrics on")
    return process


def test_webhooks_come_over_tls_and_silent_handshakes_end(certificates: Certificates, tmp_path: Path) -> None:
    process = over_tls_alone(certificates, tmp_path, header_timeout_s=1)
    try:
        context = ssl.create_default_context(cafile=certificates.ca)
        assert over_tls(process, context, request(numbered(1))).startswith(b"HTTP/1.1 200 ")
        with ExitStack() as stack:
            silent = [stack.enter_context(socket.create_connection(("127.0.0.1", process.port), 10)) for _ in range(50)]
            silent[0].sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert over_tls(process, context, request(numbered(2))).startswith(b"HTTP/1.1 200 ")
            assert [each.recv(1) for each in silent[1:]] == [b""] * 49
        assert "Traceback" not in process.log.read_text()
    finally:
        assert process.stop() == 0


def test_a_request_in_the_segment_of_the_handshake_is_answered_over_tls(
    certificates: Certificates, tmp_path: Path
) -> None:
    """Nothing of the answer may go out in plain text."""
    process = over_tls_alone(certificates, tmp_path)
    try:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = ssl.create_default_context(cafile=certificates.ca)
        session = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
        with socket.create_connection(("127.0.0.1", process.port), 10) as connection:
            while True:
                try:
                    session.do_handshake()
                except ssl.SSLWantReadError:
                    connection.sendall(outgoing.read())
                    incoming.write(connection.recv(65_536))
                else:
                    break
            for number in range(2):
                session.write(request(numbered(number)))
                connection.sendall(outgoing.read())
                answer = b""
                while not answer.endswith(b"{}"):
                    incoming.write(connection.recv(65_536))
                    with suppress(ssl.SSLWantReadError):
                        answer += session.read(65_536)
                assert answer.startswith(b"HTTP/1.1 200 ")
    finally:
        assert process.stop() == 0


def test_clients_without_a_certificate_stay_outside(certificates: Certificates, tmp_path: Path) -> None:
    process = over_tls_alone(certificates, tmp_path, tls_client_ca=str(certificates.ca))
    try:
        context = ssl.create_default_context(cafile=certificates.ca)
        with suppress(OSError):  # with TLS 1.3 the handshake ends before the server says what it misses
            assert over_tls(process, context, request(numbered(1))) == b""
        assert not any((tmp_path / "spool/slot-1").glob("*.log"))
        context.load_cert_chain(*certificates.of("provider"))
        assert over_tls(process, context, request(numbered(1))).startswith(b"HTTP/1.1 200 ")
    finally:
        process.stop()


@pytest.fixture
def several(tmp_path: Path) -> Iterator[GatewayProcess]:
    process = GatewayProcess(NOWHERE, tmp_path, spool_dir=str(tmp_path / "spool"))
    process.start("--processes", "3")
    yield process
    process.stop()


def test_processes_share_the_port_and_one_that_dies_is_started_again(several: GatewayProcess) -> None:
    for number in range(60):
        assert several.post(numbered(number)) == 200
    figures = several.metrics()
    outcome = 'undelivered_webhooks_total{endpoint="shop",outcome="stored",provider="teekrr"}'
    assert figures[outcome] == 60
    children = several.children
    assert len(children) == 3
    os.kill(children[1], signal.SIGKILL)
    deadline = time.monotonic() + 30
    while len(several.children) < 3 or children[1] in several.children:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    several.until("/livez", 200)
    time.sleep(1)
    for number in range(20):
        assert several.post(numbered(number)) == 200
    assert several.stop() == 0
    assert not any(psutil.pid_exists(each) for each in children)
    assert sum(path.is_dir() for path in (several.folder / "spool").iterdir()) == 3


def test_processes_that_cannot_run_say_why_and_end(tmp_path: Path) -> None:
    process = GatewayProcess(NOWHERE, tmp_path)
    with socket.socket() as other:
        other.bind(("127.0.0.1", process.port))
        other.listen()
        process.launch("--processes", "2")
        assert process.wait() != 0
    assert f"cannot listen on 127.0.0.1:{process.port}" in process.log.read_text()


def test_an_endpoint_has_its_rate(tmp_path: Path) -> None:
    process = GatewayProcess(NOWHERE, tmp_path, spool_dir=str(tmp_path / "spool"))
    process.set_endpoint(secrets=[SECRET], rate_per_s=0.1, rate_burst=3)
    process.start()
    try:
        statuses = [process.post(numbered(number)) for number in range(5)]
        assert statuses == [200, 200, 200, 429, 429]
        assert b"Retry-After: 10\r\n" in process.talk(request(numbered(6)))
        assert process.post(numbered(7), "not-the-secret") == 401
    finally:
        process.stop()


def test_an_endpoint_knows_its_networks_as_a_proxy_tells_them(tmp_path: Path) -> None:
    process = GatewayProcess(NOWHERE, tmp_path, spool_dir=str(tmp_path / "spool"), proxies=["127.0.0.0/8"])
    process.set_endpoint(secrets=[SECRET], allow_from=["192.0.2.0/24"])
    process.start()

    def through(address: str) -> bytes:
        header = b"X-Forwarded-For: %s\r\n" % address.encode()
        return process.talk(request(numbered(1)).replace(b"Host: x\r\n", b"Host: x\r\n" + header))

    try:
        assert through("192.0.2.7").startswith(b"HTTP/1.1 200 ")
        assert through("198.51.100.7").startswith(b"HTTP/1.1 401 ")
        assert through("192.0.2.7, 198.51.100.7").startswith(b"HTTP/1.1 401 ")
    finally:
        process.stop()


def test_two_thousand_idle_connections_harm_nobody(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 8192), hard))
    process = GatewayProcess(
        NOWHERE, tmp_path, spool_dir=str(tmp_path / "spool"), connections=3000, connections_per_address=3000
    )
    process.start()
    try:
        with ExitStack() as stack:
            for _ in range(2000):
                stack.enter_context(socket.create_connection(("127.0.0.1", process.port), 10))
            assert [process.post(numbered(number)) for number in range(50)] == [200] * 50
            deadline = time.monotonic() + 20
            while process.metrics()["undelivered_gateway_connections"] < 2000:
                assert time.monotonic() < deadline
                time.sleep(0.1)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        process.stop()
