"""One person without credentials against the gateway, as a process and over real sockets."""

import gzip
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.broker import Broker
from tests.integration.gateway_process import PATH, GatewayProcess, numbered, request, teekrr_signature
from tests.integration.test_gateway import broker_with_raw_topics

SECRET_IN_URL = "s3cr3t-0123456789abcdef"


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Run one of this module's own."""
    with broker_with_raw_topics() as running_broker:
        yield running_broker


@pytest.fixture
def gateway(broker: Broker, tmp_path: Path) -> Iterator[GatewayProcess]:
    """Run a gateway with the limits of most shells."""
    process = GatewayProcess(broker.bootstrap, tmp_path)
    process.start(before=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)))
    process.until("/readyz", 200)
    try:
        yield process
    finally:
        process.stop()


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


def test_silent_sockets_do_not_close_the_door(gateway: GatewayProcess) -> None:
    """More of them than it may open files; each webhook meanwhile is stored, and nothing fills the log."""
    with ExitStack() as stack:
        for _ in range(1100):
            stack.enter_context(socket.create_connection(("127.0.0.1", gateway.port), 5))
            if _ % 100 == 0:
                assert status_of(gateway.talk(request(numbered(_)))) == 200
        started = time.monotonic()
        assert status_of(gateway.talk(request(numbered(1)))) == 200
        assert time.monotonic() - started < 5
    assert gateway.log.stat().st_size < 10_000
    assert "Traceback" not in gateway.log.read_text()


@pytest.mark.parametrize(
    "data",
    [
        f"POST /v1/webhooks/treble/{SECRET_IN_URL} HTTP/9.9\r\nX-Teekrr-Signature: {SECRET_IN_URL}\r\n\r\n".encode(),
        b"POST /v1/webhooks/treble/%b\xc3\xa9 HTTP/1.1\r\n\r\n" % SECRET_IN_URL.encode(),
        f"POST /v1/webhooks/treble/{SECRET_IN_URL}?{'x' * 20_000} HTTP/1.1\r\n\r\n".encode(),
        f"POST /v1/webhooks/treble/{SECRET_IN_URL} HTTP/1.1\r\nBroken {SECRET_IN_URL}\r\n\r\n".encode(),
        f"{SECRET_IN_URL}\r\n\r\n".encode(),
    ],
)
def test_nothing_of_a_request_is_logged_or_echoed(gateway: GatewayProcess, data: bytes) -> None:
    answer = gateway.talk(data)
    assert status_of(answer) in {400, 401}
    assert SECRET_IN_URL.encode() not in answer
    time.sleep(0.5)
    assert SECRET_IN_URL not in gateway.log.read_text()


def test_unfinished_bodies_take_no_more_memory_than_is_set(broker: Broker, tmp_path: Path) -> None:
    process = GatewayProcess(broker.bootstrap, tmp_path, bytes_in_flight=10_000_000)
    process.start()
    try:
        process.until("/readyz", 200)
        before = process.resident_bytes
        head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 262144\r\n\r\n".encode()
        with ExitStack() as stack:
            for _ in range(400):
                connection = stack.enter_context(socket.create_connection(("127.0.0.1", process.port), 5))
                connection.sendall(head + bytes(200_000))
            time.sleep(0.5)
            assert process.resident_bytes - before < 60_000_000
            assert process.metrics()["undelivered_gateway_bytes_in_flight"] <= 10_000_000
        time.sleep(0.5)
        assert status_of(process.talk(request(numbered(1)))) == 200
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("coding", "body", "status"),
    [
        ("gzip", gzip.compress(bytes(50_000_000)), 400),
        ("gzip", b"no gzip", 400),
        ("br", b"anything", 415),
        ("gzip, gzip", b"anything", 415),
    ],
)
def test_bodies_are_unpacked_within_bounds(gateway: GatewayProcess, coding: str, body: bytes, status: int) -> None:
    head = f"POST {PATH} HTTP/1.1\r\nHost: x\r\nX-Teekrr-Signature: {teekrr_signature(body)}\r\n"
    head += f"Content-Encoding: {coding}\r\nContent-Length: {len(body)}\r\n\r\n"
    assert status_of(gateway.talk(head.encode() + body)) == status


def test_strangers_get_one_answer_whatever_they_ask(gateway: GatewayProcess) -> None:
    answers = set()
    for path in (PATH, "/v1/webhooks/teekrr/other", "/v1/webhooks/prelude/shop", "/v1/webhooks/x/y", "/v1/webhooks/x"):
        answer = gateway.talk(f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        answers.add((status_of(answer), answer.rpartition(b"\r\n\r\n")[2]))
        assert b"Server:" not in answer
    assert answers == {(401, b'{"error":"unauthorized"}')}
    assert status_of(gateway.talk(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")) == 404


def test_two_signatures_are_refused(gateway: GatewayProcess) -> None:
    body = numbered(1)
    twice = request(body).replace(b"Content-Length", b"X-Teekrr-Signature: other\r\nContent-Length")
    assert status_of(gateway.talk(twice)) == 400


def test_a_thousand_refusals_are_a_few_lines(gateway: GatewayProcess) -> None:
    for _ in range(300):
        gateway.talk(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n".encode())
    time.sleep(1.5)
    lines = [line for line in gateway.log.read_text().splitlines() if "refused 401" in line]
    assert 1 <= len(lines) <= 10
    counted = [int(line.rpartition("(")[2].split()[0]) if line.endswith("times)") else 1 for line in lines]
    assert sum(counted) == 300


def test_new_secrets_are_read_on_sighup_while_requests_go_on(broker: Broker, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("the-old-secret\n")
    process = GatewayProcess(broker.bootstrap, tmp_path)
    secrets = [{"file": str(old), "name": "old"}]
    process.set_endpoint(secrets=secrets)
    process.start("--log-level", "info")
    try:
        process.until("/readyz", 200)
        body = numbered(1)
        assert process.post(body, "the-old-secret") == 200
        assert process.post(body, "the-new-secret") == 401
        new.write_text("the-new-secret")
        process.set_endpoint(secrets=[{"file": str(new), "name": "new"}, *secrets])
        process.signal(signal.SIGHUP)
        process.until_logged("read again")
        assert [process.post(body, each) for each in ("the-old-secret", "the-new-secret")] == [200, 200]
        new.write_text("short")
        process.signal(signal.SIGHUP)
        process.until_logged("the settings stay as they were")
        assert process.post(body, "the-new-secret") == 200
        figures = process.metrics()
        assert figures['undelivered_credential_uses_total{credential="old",endpoint="shop"}'] == 2
        assert figures['undelivered_credential_uses_total{credential="new",endpoint="shop"}'] == 2
    finally:
        process.stop()
