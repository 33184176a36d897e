"""The gateway in front of a real broker, one of this module's own because the tests stop and freeze it."""

import asyncio
import base64
import gzip
import hashlib
import hmac
import json
import logging
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientConnectionError, ClientSession
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.broker import Broker, Cluster
from app.broker.server import free_ports
from app.credentials import Credential
from app.endpoints import Endpoint
from app.errors import BrokerError, SettingsError
from app.gateway import run_gateway
from app.gateway_settings import Gateway
from app.settings import Settings
from app.topics import RAW_TOPICS, Topic
from app.vocabulary import Provider

TIMEOUT_S = 60
SIGNING_SECRET = "test-secret-1"
WEBEX_SECRET = "webex-0123456789abcdef"
TREBLE_SECRET = "treble-0123456789abcdef"
PRELUDE_KEY = rsa.generate_private_key(65537, 2048)
ENDPOINTS = {
    "shop": Endpoint(
        tenant="acme", provider=Provider.TEEKRR, secrets=(Credential.of(SIGNING_SECRET),), account="acme/main"
    ),
    "texts": Endpoint(tenant="acme", provider=Provider.WEBEX_INTERACT, secrets=(Credential.of(WEBEX_SECRET),)),
    "codes": Endpoint(
        tenant="acme",
        provider=Provider.PRELUDE,
        public_keys=(
            Credential.of(
                PRELUDE_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
            ),
        ),
    ),
    "chats": Endpoint(tenant="globex", provider=Provider.TREBLE, secrets=(Credential.of(TREBLE_SECRET),)),
    "open": Endpoint(tenant="globex", provider=Provider.TREBLE, verify=False),
}
# so that a broker can refuse a record that the gateway takes
TREBLE_LIMIT_BYTES = 8_000


class Stored(NamedTuple):
    """A raw record without the time of its arrival."""

    topic: str
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


class Running(NamedTuple):
    """A gateway in this process."""

    url: str
    http: ClientSession
    metrics_url: str


def settings_for(bootstrap: str, answer_timeout_s: float = 4) -> Settings:
    port, metrics_port = free_ports(2)
    return Settings(
        bootstrap_servers=bootstrap,
        gateway=Gateway(port=port, metrics_port=metrics_port, answer_timeout_s=answer_timeout_s),
        endpoints=ENDPOINTS,
    )


@contextmanager
def broker_with_raw_topics() -> Iterator[Broker]:
    """Run a broker with empty raw topics of one partition each."""
    with Cluster() as cluster:
        (only,) = cluster.brokers
        asyncio.run(create_raw_topics(only.bootstrap))
        yield only


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Run one of this module's own."""
    with broker_with_raw_topics() as running_broker:
        yield running_broker


async def create_raw_topics(bootstrap: str) -> None:
    limits = {Topic.RAW_TREBLE: {"max.message.bytes": str(TREBLE_LIMIT_BYTES)}}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics(
            [NewTopic(name, 1, 1, topic_configs=limits.get(name)) for name in RAW_TOPICS.values()]
        )
    finally:
        await admin.close()


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Running]:
    gateway = asyncio.create_task(run_gateway(settings))
    url = f"http://127.0.0.1:{settings.gateway.port}"
    async with ClientSession() as http:
        try:
            await until(url + "/livez", http, 200)
            yield Running(url, http, f"http://127.0.0.1:{settings.gateway.metrics_port}")
        finally:
            gateway.cancel()
            with suppress(asyncio.CancelledError):
                await gateway


async def until(url: str, http: ClientSession, status: int) -> None:
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with suppress(ClientConnectionError):
                async with http.get(url) as answer:
                    if answer.status == status:
                        return
            await asyncio.sleep(0.05)


@pytest.fixture
async def gateway(broker: Broker) -> AsyncIterator[Running]:
    """Run a gateway that is ready."""
    async with running(settings_for(broker.bootstrap)) as started:
        await until(started.url + "/readyz", started.http, 200)
        yield started


@asynccontextmanager
async def raw_records(broker: Broker) -> AsyncIterator[Callable[[], Any]]:
    """Give a function that returns the records stored since the start of the block, and when each arrived."""
    partitions = [TopicPartition(topic, 0) for topic in RAW_TOPICS.values()]
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap)
    async with asyncio.timeout(TIMEOUT_S), consumer:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for partition, end in ends.items():
            consumer.seek(partition, end)

        async def stored() -> list[tuple[Stored, int]]:
            ends = await consumer.end_offsets(partitions)
            found: list[tuple[Stored, int]] = []
            while any([await consumer.position(partition) < end for partition, end in ends.items()]):
                record = await consumer.getone()
                headers = dict(record.headers)
                assert len(headers) == len(record.headers)
                received_at = int(headers.pop("received-at"))
                found.append((Stored(record.topic, record.key, record.value, headers), received_at))
            return found

        yield stored


def teekrr_event(number: int) -> bytes:
    return json.dumps({"event": "failed", "data": {"messageUuid": f"uuid-{number}"}}).encode()


def by_teekrr(body: bytes) -> dict[str, str]:
    key = hashlib.sha256(SIGNING_SECRET.encode()).hexdigest().encode()
    return {"X-Teekrr-Signature": hmac.digest(key, body, "sha256").hex()}


def by_prelude(body: bytes) -> dict[str, str]:
    signature = PRELUDE_KEY.sign(body, padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    return {"X-Webhook-Signature": "rsassa-pss-sha256=" + base64.urlsafe_b64encode(signature).decode().rstrip("=")}


def unsigned(_body: bytes) -> dict[str, str]:
    return {}


async def begin_post(port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Send the head of a request and half of its body."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /v1/webhooks/treble/open HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nha")
    await writer.drain()
    return reader, writer


Sign = Callable[[bytes], dict[str, str]]
WEBEX_EVENT = b'{"specversion":"1.0","id":"evt_1","data":{"status":"failed"}, "transaction_id":"tid_1"}'
ANYTHING_BUT_JSON = b"\x00\xff\r\n not JSON"


@pytest.mark.parametrize(
    ("path", "sign", "body", "stored"),
    [
        (
            "teekrr/shop",
            by_teekrr,
            b'{ "event":"failed","data":{"messageUuid":"6f1c"}, "x":"\\u00e9"}\n',
            Stored(
                "raw.teekrr",
                b"6f1c",
                b'{ "event":"failed","data":{"messageUuid":"6f1c"}, "x":"\\u00e9"}\n',
                {"tenant": b"acme", "source": b"gateway/shop", "verified": b"true", "account": b"acme/main"},
            ),
        ),
        (
            f"webex-interact/{WEBEX_SECRET}",
            unsigned,
            WEBEX_EVENT,
            Stored(
                "raw.webex-interact",
                b"tid_1",
                WEBEX_EVENT,
                {"tenant": b"acme", "source": b"gateway/texts", "verified": b"true"},
            ),
        ),
        (
            f"webex-interact/{WEBEX_SECRET}",
            unsigned,
            WEBEX_EVENT[:-1],
            Stored(
                "raw.webex-interact",
                None,
                WEBEX_EVENT[:-1],
                {"tenant": b"acme", "source": b"gateway/texts", "verified": b"true"},
            ),
        ),
        (
            "prelude/codes",
            by_prelude,
            b'{"type":"transactional.message.created","payload":{"id":"tx_1"}}',
            Stored(
                "raw.prelude",
                b"tx_1",
                b'{"type":"transactional.message.created","payload":{"id":"tx_1"}}',
                {"tenant": b"acme", "source": b"gateway/codes", "verified": b"true"},
            ),
        ),
        (
            f"treble/{TREBLE_SECRET}",
            unsigned,
            b'{"event_type":"deployment.failure","conversation_id":12345}',
            Stored(
                "raw.treble",
                b"12345",
                b'{"event_type":"deployment.failure","conversation_id":12345}',
                {"tenant": b"globex", "source": b"gateway/chats", "verified": b"true"},
            ),
        ),
        (
            "treble/open",
            unsigned,
            ANYTHING_BUT_JSON,
            Stored(
                "raw.treble",
                None,
                ANYTHING_BUT_JSON,
                {"tenant": b"globex", "source": b"gateway/open", "verified": b"false"},
            ),
        ),
        (
            "treble/open",
            unsigned,
            b"",
            Stored("raw.treble", None, b"", {"tenant": b"globex", "source": b"gateway/open", "verified": b"false"}),
        ),
    ],
)
async def test_a_webhook_is_stored_as_it_came_and_answered_with_an_empty_json_object(
    broker: Broker, gateway: Running, path: str, sign: Sign, body: bytes, stored: Stored
) -> None:
    """The records are there when the answer is."""
    async with raw_records(broker) as since:
        before_us = time.time_ns() // 1000
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/{path}", data=body, headers=sign(body)) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "application/json", b"{}")
        ((record, received_at),) = await since()

    assert record == stored
    assert before_us <= received_at <= time.time_ns() // 1000


@pytest.mark.parametrize("signs_packed", [True, False])
async def test_a_compressed_body_is_verified_as_it_was_signed_and_stored_unpacked(
    broker: Broker, gateway: Running, *, signs_packed: bool
) -> None:
    plain = teekrr_event(1)
    packed = gzip.compress(plain)
    async with raw_records(broker) as since:
        headers = by_teekrr(packed if signs_packed else plain) | {"Content-Encoding": "gzip"}
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/teekrr/shop", data=packed, headers=headers) as answer:
            assert answer.status == 200
        ((record, _),) = await since()

    assert (record.value, record.headers["content-encoding"]) == (plain, b"gzip")


@pytest.mark.parametrize(
    ("path", "sign", "body", "status", "logged"),
    [
        ("teekrr/nobody", by_teekrr, b"{}", 401, "refused 401 endpoint=-"),
        ("prelude/shop", by_teekrr, b"{}", 401, "refused 401 endpoint=-"),
        ("carrier-pigeon/shop", by_teekrr, b"{}", 401, "refused 401 endpoint=-"),
        ("webex-interact/texts", unsigned, b"{}", 401, "refused 401 endpoint=-"),
        (f"treble/{WEBEX_SECRET}", unsigned, b"{}", 401, "refused 401 endpoint=-"),
        ("teekrr/shop", unsigned, b"{}", 401, "refused 401 endpoint=shop: X-Teekrr-Signature is missing"),
        (
            "teekrr/shop",
            lambda body: by_teekrr(body + b" "),
            b"{}",
            401,
            "refused 401 endpoint=shop: X-Teekrr-Signature fits none of 1 secrets",
        ),
        (
            "prelude/codes",
            lambda body: by_prelude(body + b" "),
            b"{}",
            401,
            "refused 401 endpoint=codes: X-Webhook-Signature fits none of 1 public keys",
        ),
        (
            "teekrr/shop",
            by_teekrr,
            b"x" * 262_145,
            413,
            "refused 413 endpoint=shop: too_large",
        ),
    ],
)
async def test_what_does_not_belong_here_is_refused_and_not_stored(
    broker: Broker,
    gateway: Running,
    caplog: pytest.LogCaptureFixture,
    path: str,
    sign: Sign,
    body: bytes,
    status: int,
    logged: str,
) -> None:
    """The log tells endpoint and reason, and neither secrets nor bodies."""
    async with raw_records(broker) as since:
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/{path}", data=body, headers=sign(body)) as answer:
            assert (answer.status, answer.content_type, list(await answer.json())) == (
                status,
                "application/json",
                ["error"],
            )
        assert await since() == []

    (line,) = (record.getMessage() for record in caplog.records if record.name.startswith("app.gateway.door"))
    assert line.startswith(logged)
    assert not any(secret in caplog.text for secret in (WEBEX_SECRET, TREBLE_SECRET, SIGNING_SECRET, "xxxx"))


async def test_answers_tell_nothing_about_which_endpoints_exist(gateway: Running) -> None:
    answers = set()
    for path in ("teekrr/shop", "teekrr/nobody", "prelude/shop", "carrier-pigeon/shop", "treble/chats", "treble/x"):
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/{path}", data=b"{}") as answer:
            answers.add((answer.status, await answer.read()))

    assert answers == {(401, b'{"error":"unauthorized"}')}


async def test_a_body_of_the_limit_passes_and_one_more_byte_without_announcement_does_not(
    broker: Broker, gateway: Running
) -> None:
    async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(body), 65_536):
            yield body[start : start + 65_536]

    url = f"{gateway.url}/v1/webhooks/teekrr/shop"
    largest, larger = b"x" * 262_144, b"x" * 262_145
    async with raw_records(broker) as since:
        async with gateway.http.post(url, data=in_pieces(larger), headers=by_teekrr(larger)) as answer:
            assert answer.status == 413
        async with gateway.http.post(url, data=largest, headers=by_teekrr(largest)) as answer:
            assert answer.status == 200
        assert [record.value for record, _ in await since()] == [largest]


@pytest.mark.parametrize("body", [b"3a7f-secret", b'{"secret": "3a7f"}'])
async def test_webex_gets_its_secret_back_and_it_is_not_stored(broker: Broker, gateway: Running, body: bytes) -> None:
    async with raw_records(broker) as since:
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/webex-interact/{WEBEX_SECRET}", data=body) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "text/plain", body)
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert await since() == []


@pytest.mark.parametrize("body", [b"status=failed&id=7", b"<sms><id>7</id></sms>", b'{"secret": "<b>3a7f</b>"}'])
async def test_what_may_be_an_event_is_stored_although_it_is_sent_back(
    broker: Broker, gateway: Running, body: bytes
) -> None:
    async with raw_records(broker) as since:
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/webex-interact/{WEBEX_SECRET}", data=body) as answer:
            assert (answer.status, answer.content_type, await answer.read()) == (200, "text/plain", body)
        assert [record.value for record, _ in await since()] == [body]


async def test_what_looks_like_a_handshake_is_stored_for_other_providers(broker: Broker, gateway: Running) -> None:
    async with raw_records(broker) as since:
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/treble/{TREBLE_SECRET}", data=b"3a7f") as answer:
            assert await answer.json() == {}
        assert [record.value for record, _ in await since()] == [b"3a7f"]


async def test_requests_are_counted(gateway: Running) -> None:
    async def counts() -> dict[str, float]:
        async with gateway.http.get(gateway.metrics_url + "/metrics") as answer:
            lines = [line.rsplit(" ", 1) for line in (await answer.text()).splitlines()]
            return {name: float(value) for name, value in lines if name.startswith("undelivered_webhooks_total{")}

    before = await counts()
    for body in (teekrr_event(1), teekrr_event(2)):
        await gateway.http.post(f"{gateway.url}/v1/webhooks/teekrr/shop", data=body, headers=by_teekrr(body))
    await gateway.http.post(f"{gateway.url}/v1/webhooks/teekrr/shop", data=b"{}")
    await gateway.http.post(f"{gateway.url}/v1/webhooks/teekrr/nobody", data=b"{}")

    after = await counts()
    assert {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)} == {
        'undelivered_webhooks_total{endpoint="shop",outcome="stored",provider="teekrr"}': 2,
        'undelivered_webhooks_total{endpoint="shop",outcome="unauthorized",provider="teekrr"}': 1,
        'undelivered_webhooks_total{endpoint="",outcome="unauthorized",provider=""}': 1,
    }


async def test_a_body_that_does_not_arrive_in_time_is_given_up(broker: Broker) -> None:
    settings = settings_for(broker.bootstrap, answer_timeout_s=0.2)
    async with running(settings):
        reader, writer = await begin_post(settings.gateway.port)
        assert await asyncio.wait_for(reader.readline(), TIMEOUT_S) == b"HTTP/1.1 408 Request Timeout\r\n"
        writer.close()
        await writer.wait_closed()


async def test_a_client_that_hangs_up_is_no_error_of_ours(
    broker: Broker, gateway: Running, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a body is not stored either."""
    async with raw_records(broker) as since:
        _, writer = await begin_post(int(gateway.url.rsplit(":", 1)[1]))
        writer.close()
        await writer.wait_closed()
        async with gateway.http.post(f"{gateway.url}/v1/webhooks/treble/open", data=b"next") as answer:
            assert answer.status == 200
        assert [record.value for record, _ in await since()] == [b"next"]

    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


async def test_without_a_broker_it_waits_for_one_and_promises_nothing(broker: Broker) -> None:
    body = teekrr_event(1)
    await asyncio.to_thread(broker.kill)
    try:
        async with running(settings_for(broker.bootstrap, answer_timeout_s=1)) as gateway:
            await until(gateway.url + "/readyz", gateway.http, 503)
            url = f"{gateway.url}/v1/webhooks/teekrr/shop"
            async with gateway.http.post(url, data=body, headers=by_teekrr(body)) as answer:
                assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
                assert await answer.json() == {"error": "not_stored"}

            await asyncio.to_thread(broker.start)
            await until(gateway.url + "/readyz", gateway.http, 200)
            async with gateway.http.post(url, data=body, headers=by_teekrr(body)) as answer:
                assert answer.status == 200
    finally:
        with suppress(BrokerError):  # it runs already unless the test failed
            await asyncio.to_thread(broker.start)


@pytest.mark.parametrize("crash", [True, False])
async def test_whatever_is_answered_2xx_survives_a_broker_that_goes_away(broker: Broker, *, crash: bool) -> None:
    """Killed or frozen under load: some requests get a 503, none a 2xx without its record."""
    answers: dict[bytes, int] = {}
    gone = asyncio.Event()

    async def post(gateway: Running, numbers: Iterator[int]) -> None:
        for number in numbers:
            body = teekrr_event(number)
            url = f"{gateway.url}/v1/webhooks/teekrr/shop"
            async with gateway.http.post(url, data=body, headers=by_teekrr(body)) as answer:
                answers[body] = answer.status
            if len(answers) == 100:
                gone.set()

    async with running(settings_for(broker.bootstrap, answer_timeout_s=0.5)) as gateway:
        await until(gateway.url + "/readyz", gateway.http, 200)
        async with raw_records(broker) as since:
            numbers = iter(range(400))
            async with asyncio.TaskGroup() as clients:
                for _ in range(10):
                    clients.create_task(post(gateway, numbers))
                await gone.wait()
                await asyncio.to_thread(broker.kill if crash else broker.pause)
                await until(gateway.url + "/readyz", gateway.http, 503)
                await asyncio.to_thread(broker.start if crash else broker.resume)
            await until(gateway.url + "/readyz", gateway.http, 200)
            stored = {record.value for record, _ in await since()}

    assert set(answers.values()) == {200, 503}
    assert len(answers) == 400
    assert {body for body, status in answers.items() if status == 200} <= stored


async def test_a_record_that_the_broker_refuses_does_not_spoil_the_ones_after_it(
    broker: Broker, gateway: Running
) -> None:
    """The producer's sequence numbers have a gap then; only a new producer can go on."""
    url = f"{gateway.url}/v1/webhooks/treble/open"
    async with raw_records(broker) as since:
        async with gateway.http.post(url, data=b"before") as answer:
            assert answer.status == 200
        async with gateway.http.post(url, data=b"x" * (2 * TREBLE_LIMIT_BYTES)) as answer:
            assert answer.status == 503
        await until(gateway.url + "/readyz", gateway.http, 200)
        async with gateway.http.post(url, data=b"after") as answer:
            assert answer.status == 200
        assert [record.value for record, _ in await since()] == [b"before", b"after"]


async def test_sigterm_answers_what_is_in_flight_and_ends_with_exit_code_0(broker: Broker, tmp_path: Path) -> None:
    (port,) = free_ports(1)
    configuration = tmp_path / "undelivered.toml"
    configuration.write_text(
        f"""
        bootstrap_servers = "{broker.bootstrap}"
        gateway.port = {port}
        gateway.metrics_port = 0
        endpoints.shop = {{tenant = "acme", provider = "teekrr", secrets = ["{SIGNING_SECRET}"]}}
        """,
        encoding="utf-8",
    )
    code = (
        "import asyncio, pathlib, sys; from app.gateway import run_gateway; from app.settings import load_settings;"
        "asyncio.run(run_gateway(load_settings(pathlib.Path(sys.argv[1]))))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, str(configuration))
    url = f"http://127.0.0.1:{port}"
    answers: dict[bytes, int] = {}

    async def post(http: ClientSession, first: int) -> None:
        with suppress(ClientConnectionError):
            for number in range(first, first + 100_000):
                body = teekrr_event(number)
                async with http.post(f"{url}/v1/webhooks/teekrr/shop", data=body, headers=by_teekrr(body)) as answer:
                    answers[body] = answer.status
                if len(answers) == 200:
                    process.send_signal(signal.SIGTERM)

    async with ClientSession() as http, raw_records(broker) as since:
        await until(url + "/readyz", http, 200)
        await asyncio.gather(*(post(http, client * 100_000) for client in range(10)))
        assert await asyncio.wait_for(process.wait(), TIMEOUT_S) == 0
        stored = [record.value for record, _ in await since()]

    assert set(answers.values()) == {200}
    assert len(answers) >= 200
    assert set(answers) <= set(stored)
    assert len(stored) == len(set(stored))


async def test_a_port_that_is_taken_is_an_error_that_names_it(broker: Broker) -> None:
    settings = settings_for(broker.bootstrap)
    with socket.socket() as other:
        other.bind(("127.0.0.1", settings.gateway.port))
        other.listen()

        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{settings.gateway.port}"):
            await run_gateway(settings)
