"""The web side of real workers on a real broker, one of this module's own because the topics' names are fixed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from aiohttp import ClientConnectionError, ClientSession, web
from aiokafka import AIOKafkaProducer
from yarl import URL

from app import avro
from app.broker import Cluster
from app.broker.server import free_ports
from app.identity import recipient_key
from app.settings import Settings
from app.stream import worker
from app.stream.cluster_topics import create
from app.topics import Topic

ROOT = Path(__file__).parents[2]
TIMEOUT_S = 90
FORWARDED = {"X-Undelivered-Forwarded": "1"}

ACME = {"Authorization": "Bearer acme-token"}
GLOBEX = {"Authorization": "Bearer globex-token"}
EVERYBODY = {"Authorization": "Bearer everybody-token"}
TOKENS = [
    {"token": "acme-token", "tenant": "acme"},
    {"token": "globex-token", "tenant": "globex"},
    {"token": "everybody-token", "tenant": "*"},
]

PHONES = [f"+4478100000{number:02}" for number in range(40)]
NOBODY = "/v1/recipients/acme/+447810000099"
OPEN = ("/", "/page.css", "/page.js", "/draw.js", "/icon.svg", "/livez", "/metrics")
CLOSED = (
    NOBODY,
    "/v1/suppressions/acme/+447810000099",
    "/v1/credits/acme/teekrr",
    "/v1/overview",
    "/v1/",
    "/page.js/../v1/overview",
    # Faust's own
    "/table/",
    "/table/recipients/",
    "/router/",
    "/graph",
    "/performance/",
)


class Answer(NamedTuple):
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Worker:
    """A worker as a process of its own."""

    def __init__(self, bootstrap: str, folder: Path) -> None:
        (port,) = free_ports(1)
        self.url = f"http://127.0.0.1:{port}"
        self._log = (folder / f"worker-{port}.log").open("wb")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "app.cli", "worker"],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), **environment(bootstrap, port)},
            stdout=self._log,
            stderr=subprocess.STDOUT,
        )

    def end(self) -> None:
        """Kill it if it still runs."""
        self.process.kill()
        self.process.wait()
        self._log.close()


def environment(bootstrap: str, port: int) -> dict[str, str]:
    return {
        "UNDELIVERED_BOOTSTRAP_SERVERS": bootstrap,
        "UNDELIVERED_PARTITIONS": "4",
        "UNDELIVERED_SESSION_TIMEOUT_S": "6",
        "UNDELIVERED_WEB_PORT": str(port),
        "UNDELIVERED_TOKENS": json.dumps(TOKENS),
    }


def failure(tenant: str, phone: str) -> dict[str, Any]:
    now = time.time_ns() // 1000
    return {
        "event_id": f"failure-{tenant}-{phone}",
        "tenant": tenant,
        "provider": "teekrr",
        "channel": "sms",
        "recipient": phone,
        "reason": "invalid_recipient",
        "attribution": "RECIPIENT",
        "permanence": "PERMANENT",
        "confidence": "CODE",
        "occurred_at": now,
        "received_at": now,
    }


def command(account: str, kind: str, amount: int, message_id: str = "") -> dict[str, Any]:
    return {
        "event_id": f"{kind}-{account}-{message_id}",
        "tenant": account.partition("/")[0],
        "account": account,
        "kind": kind,
        "amount_micros": amount,
        "currency": "EUR",
        "message_id": message_id,
        "occurred_at": time.time_ns() // 1000,
    }


def suppressed(**changes: Any) -> bytes:  # noqa: ANN401 - fields of a record
    usual = {
        "event_id": "x",
        "tenant": "acme",
        "channel": "sms",
        "recipient": PHONES[0],
        "state": "suppressed",
        "reason": "invalid_recipient",
        "since": 0,
        "tier": 1,
        "sequence": 1,
        "cause": "failure",
        "evidence": [],
        "changed_at": time.time_ns() // 1000,
        "policy_version": "1.0",
    }
    return avro.encode(Topic.SUPPRESSION_CHANGED, usual | changes)


# in topics that the page alone reads
HOSTILE: tuple[tuple[Topic, bytes | None], ...] = (
    (Topic.SUPPRESSION_CHANGED, suppressed(tenant="a/b")),
    (Topic.SUPPRESSION_CHANGED, suppressed(changed_at=2**63 - 1)),
    (Topic.SUPPRESSION_CHANGED, suppressed(recipient="x" * 100_000)),
    (Topic.SUPPRESSION_CHANGED, None),
    (Topic.DELIVERY_ALERT, b"\xff" * 1000),
)


async def write_history(bootstrap: str) -> None:
    """Write forty failures of acme and one of globex, credit of both, a body that is no JSON, and `HOSTILE`."""
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for tenant, phone in [*(("acme", phone) for phone in PHONES), ("globex", PHONES[0])]:
            value = avro.encode(Topic.DELIVERY_FAILED, failure(tenant, phone))
            await producer.send(Topic.DELIVERY_FAILED, value, recipient_key(tenant, phone).encode())
        for account in ("acme/teekrr", "acme/prelude", "globex/treble"):
            for each in (command(account, "grant", 10_000_000), command(account, "reserve", 30_000, "m/1")):
                value = avro.encode(Topic.CREDIT_REQUESTED, each)
                await producer.send(Topic.CREDIT_REQUESTED, value, account.encode())
        for topic, hostile in HOSTILE:
            await producer.send(topic, hostile, b"?", headers=[("\x00", None), ("tenant", b"\xff")])
        await producer.send(Topic.RAW_TEEKRR, b"???", headers=[("tenant", b"acme"), ("received-at", b"1")])
        await producer.flush()


@pytest.fixture(scope="module")
def bootstrap() -> Iterator[str]:
    """Run a broker with all topics and some history."""
    with Cluster() as cluster:
        settings = Settings(bootstrap_servers=cluster.bootstrap, partitions=4)
        connection = {"bootstrap_servers": cluster.bootstrap}
        asyncio.run(create(worker.declarations(settings), worker.sizing(settings), connection))
        asyncio.run(write_history(cluster.bootstrap))
        yield cluster.bootstrap


@contextmanager
def running(bootstrap: str, folder: Path) -> Iterator[Worker]:
    started = Worker(bootstrap, folder)
    try:
        yield started
    finally:
        started.end()


@pytest.fixture(scope="module")
def workers(bootstrap: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Worker]]:
    """Run two workers that share the partitions."""
    folder = tmp_path_factory.mktemp("workers")
    with ExitStack() as started:
        yield [started.enter_context(running(bootstrap, folder)) for _ in range(2)]


@pytest.fixture
async def http() -> AsyncIterator[ClientSession]:
    async with ClientSession() as session:
        yield session


async def get(http: ClientSession, url: str, headers: Mapping[str, str]) -> Answer:
    # as it is: the client would tidy up dots
    async with http.get(URL(url, encoded=True), headers=headers) as response:
        is_json = response.content_type == "application/json"
        return Answer(response.status, response.headers, await (response.json() if is_json else response.text()))


async def settled(http: ClientSession, workers: Iterable[Worker]) -> None:
    """Wait until all workers are ready and have processed everything, so that rows no longer change or move."""
    for each in workers:
        await until(http, each.url + "/readyz", lambda _: True)
        for path in (*(f"/v1/recipients/acme/{phone}" for phone in PHONES), "/v1/credits/globex/treble?message=m/1"):
            await until(http, each.url + path, lambda _: True)


async def until(http: ClientSession, url: str, wanted: Any) -> Any:  # noqa: ANN401 - a predicate on JSON
    """Return the body of the first 200 that is as wanted."""
    async with asyncio.timeout(TIMEOUT_S):
        while True:
            with suppress(ClientConnectionError):
                answer = await get(http, url, EVERYBODY)
                if answer.status == 200 and wanted(answer.body):
                    return answer.body
            await asyncio.sleep(0.1)


@asynccontextmanager
async def serving_unstarted() -> AsyncIterator[str]:
    """Serve the views of a worker that owns nothing and has recovered nothing yet."""
    settings = Settings.model_validate({"tokens": TOKENS, "web_port": 0})
    app = worker.build(settings, worker.read_rules(settings))
    views: Any = app.web
    runner = web.AppRunner(views.web_app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def test_any_worker_answers_for_any_key(workers: list[Worker], http: ClientSession) -> None:
    """Each row lies on one of two workers, both have some, and both answer for all of them alike."""
    await settled(http, workers)
    paths = [
        *(f"/v1/{view}/acme/{phone}" for view in ("recipients", "suppressions") for phone in PHONES),
        "/v1/credits/acme/teekrr",
        "/v1/credits/acme/teekrr?message=m/1",
        "/v1/credits/acme%2Fprelude?message=m%2F1",
    ]
    owners = set()
    for path in paths:
        answers = [await get(http, each.url + path, ACME) for each in workers]
        assert [answer.status for answer in answers] == [200, 200], (path, answers)
        assert answers[0].body == answers[1].body
        at_home = [(await get(http, each.url + path, ACME | FORWARDED)).status for each in workers]
        assert sorted(at_home) == [200, 503], path
        owners.add(at_home.index(200))
    assert owners == {0, 1}


async def test_rows_say_what_happened(workers: list[Worker], http: ClientSession) -> None:
    """The address is looked up however it is written."""
    await settled(http, workers)
    url = workers[0].url
    found = (await get(http, f"{url}/v1/recipients/acme/0044%207810%20000001", ACME)).body
    assert (found["address"], found["may_message"], found["events"]) == ("+447810000001", ["whatsapp"], 1)
    assert found["channels"]["sms"]["failures_by_attribution"] == {"RECIPIENT": {"invalid_recipient": 1}}
    known = (await get(http, f"{url}/v1/suppressions/acme/{PHONES[1]}", ACME)).body["channels"]
    assert known["whatsapp"] == {"state": "allowed"}
    assert (known["sms"]["state"], known["sms"]["evidence"]) == ("suppressed", [f"failure-acme-{PHONES[1]}"])
    account = (await get(http, f"{url}/v1/credits/acme/teekrr", ACME)).body
    assert (account["available_micros"], account["reserved_micros"]) == (9_970_000, 30_000)
    message = (await get(http, f"{url}/v1/credits/acme/teekrr?message=m/1", ACME)).body
    assert (message["state"], message["reserved_micros"]) == ("reserved", 30_000)


@pytest.mark.parametrize(
    ("path", "headers", "status", "text"),
    [
        (NOBODY, ACME, 404, "recipient: nothing is known"),
        ("/v1/suppressions/acme/nobody@example.com", EVERYBODY, 404, "recipient: nothing is known"),
        ("/v1/recipients/acme/nonsense", ACME, 400, "address: expected an e-mail address or a phone number"),
        ("/v1/recipients/acme/%FF@example.com", ACME, 404, "recipient: nothing is known"),
        ("/v1/recipients/a%20b/+447810000001", EVERYBODY, 400, "tenant: text of 3 characters"),
        (f"/v1/recipients/acme/{PHONES[0]}", GLOBEX, 403, "tenant: this token is for another one"),
        (f"/v1/suppressions/acme/{PHONES[0]}", GLOBEX, 403, "tenant: this token is for another one"),
        (NOBODY, GLOBEX, 403, "tenant: this token is for another one"),
        ("/v1/credits/acme/teekrr", GLOBEX, 403, "tenant: this token is for another one"),
        ("/v1/credits/acme/nothing", GLOBEX, 403, "tenant: this token is for another one"),
        ("/v1/credits/acme/nothing", ACME, 404, "account: nothing is known"),
        ("/v1/credits/acme/teekrr?message=m/2", ACME, 404, "message: nothing is known"),
        ("/v1/credits/acme%1Fm", ACME, 400, "account: text of 6 characters"),
        ("/v1/nothing", ACME, 404, "path: no such view"),
        ("/table/recipients/", EVERYBODY, 404, "path: no such view"),
    ],
)
async def test_refusals_are_json_with_a_reason(
    workers: list[Worker], http: ClientSession, path: str, headers: dict[str, str], status: int, text: str
) -> None:
    """Both workers refuse alike, wherever the row would be."""
    await settled(http, workers)
    for each in workers:
        answer = await get(http, each.url + path, headers)
        assert answer.status == status
        assert answer.body["error"].startswith(text)


async def test_the_overview_adds_up_and_keeps_tenants_apart(workers: list[Worker], http: ClientSession) -> None:
    """Both workers know everything, whichever partitions they have."""
    await settled(http, workers)
    for each in workers:
        whole = await until(http, f"{each.url}/v1/overview", has_all_history)
        assert {account["account"] for account in whole["credit"]} == {"acme/teekrr", "acme/prelude", "globex/treble"}
        assert whole["dead_letters"]["latest"][0]["origin"].startswith("raw.teekrr/")
        own = (await get(http, f"{each.url}/v1/overview", GLOBEX)).body
        assert [(series["provider"], series["total"]) for series in own["failures"]] == [("teekrr", 1)]
        assert [account["account"] for account in own["credit"]] == ["globex/treble"]
        assert [change["recipient"] for change in own["suppressions"]["latest"]] == [PHONES[0]]
        assert own["dead_letters"]["total"] == 0


async def test_what_is_none_of_ours_is_passed_over_and_ends_no_worker(
    workers: list[Worker], http: ClientSession
) -> None:
    await settled(http, workers)
    for each in workers:
        await until(http, f"{each.url}/v1/overview", has_all_history)
        metrics = (await get(http, f"{each.url}/metrics", {})).body
        assert f'undelivered_overview_passed_over_total{{topic="{Topic.DELIVERY_ALERT}"}} 1.0' in metrics
        assert each.process.poll() is None


def has_all_history(body: Any) -> bool:  # noqa: ANN401 - JSON
    counts = [sum(series["total"] for series in body["failures"]), body["suppressions"]["suppressed"]]
    return bool(body["complete"]) and [*counts, len(body["credit"]), body["dead_letters"]["total"]] == [41, 41, 3, 1]


async def test_lag_comes_down_to_nothing(workers: list[Worker], http: ClientSession) -> None:
    """The markers that transactions leave are no waiting records."""
    await settled(http, workers)
    nothing = {"normalize": 0, "suppress": 0, "credit": 0, "alert": 0}
    await until(http, f"{workers[0].url}/v1/overview", lambda body: body["lag"] == nothing)


async def test_a_dead_workers_rows_come_back_on_another(
    workers: list[Worker], bootstrap: str, tmp_path: Path, http: ClientSession
) -> None:
    """Until then they are answered for with 503 and when to ask again, never with an old row or a 404."""
    await settled(http, workers)
    with running(bootstrap, tmp_path) as third:
        await settled(http, [third, *workers])
        paths = [f"/v1/recipients/acme/{phone}" for phone in PHONES]
        held = [path for path in paths if (await get(http, third.url + path, ACME | FORWARDED)).status == 200]
        assert held
        before = [(await get(http, workers[0].url + path, ACME)).body for path in held]
        third.process.send_signal(signal.SIGKILL)
        third.process.wait()
        answer = await get(http, workers[0].url + held[0], ACME)
        assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        assert answer.body["error"].startswith("table: ")
        statuses = set()
        async with asyncio.timeout(TIMEOUT_S):
            while 200 not in statuses:
                statuses.add((await get(http, workers[0].url + held[0], ACME)).status)
                await asyncio.sleep(0.1)
        assert statuses == {200, 503}
        assert [await until(http, workers[0].url + path, lambda _: True) for path in held] == before


async def test_without_a_token_only_the_page_and_the_probes_are_there(http: ClientSession) -> None:
    """A path without a route is closed as well: strangers do not learn which paths exist."""
    async with serving_unstarted() as url:
        assert {path: (await get(http, url + path, {})).status for path in OPEN} == dict.fromkeys(OPEN, 200)
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic acme-token"}):
            answers = {path: await get(http, url + path, headers) for path in CLOSED}
            assert {path: answer.status for path, answer in answers.items()} == dict.fromkeys(CLOSED, 401)
            assert {answer.headers["WWW-Authenticate"] for answer in answers.values()} == {'Bearer realm="undelivered"'}


async def test_a_worker_without_rows_says_so(http: ClientSession) -> None:
    """It is alive and not ready, and makes nothing up about rows it has not recovered."""
    async with serving_unstarted() as url:
        ready = await get(http, url + "/readyz", {})
        assert (ready.status, ready.headers["Retry-After"]) == (503, "2")
        assert ready.body == {
            "ready": False,
            "missing": ["tables: not recovered since the last assignment of partitions"],
        }
        assert (await get(http, url + "/livez", {})).body == {"live": True}
        for path in (NOBODY, "/v1/credits/acme/teekrr"):
            answer = await get(http, url + path, ACME)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "2")
        overview = await get(http, url + "/v1/overview", ACME)
        assert (overview.status, overview.body["complete"]) == (200, False)


async def test_metrics_name_no_tenant(workers: list[Worker], http: ClientSession) -> None:
    await settled(http, workers)
    metrics = (await get(http, workers[0].url + "/metrics", {})).body
    assert "undelivered_dead_letters_total" in metrics
    assert "acme" not in metrics


async def test_views_can_only_be_read(http: ClientSession) -> None:
    async with serving_unstarted() as url, http.post(f"{url}/v1/overview", headers=ACME) as response:
        assert (response.status, await response.json()) == (405, {"error": "method: expected GET"})
