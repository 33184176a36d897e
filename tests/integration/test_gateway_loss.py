"""Every webhook that was answered 2xx is in its topic, whatever is killed, with the spool and without."""

import asyncio
import itertools
import json
import logging
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, ClientTimeout
from aiokafka import AIOKafkaConsumer, TopicPartition

from app.broker import Broker
from tests.integration.gateway_process import PATH, GatewayProcess, numbered, teekrr_signature
from tests.integration.test_gateway import broker_with_raw_topics

CLIENTS = 16
ROUNDS = int(os.environ.get("GATEWAY_KILLS", "6"))
"""Kills of the gateway; every third one is followed by one of the broker."""
_log = logging.getLogger(__name__)
TOPIC = TopicPartition("raw.teekrr", 0)


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    """Run one of this module's own."""
    with broker_with_raw_topics() as running_broker:
        yield running_broker


class Load:
    """Clients that post numbered webhooks as fast as they are answered."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self._url = f"http://127.0.0.1:{gateway.port}{PATH}"
        self._numbers = itertools.count()
        self.acknowledged: set[int] = set()
        self.refused = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Post for the length of the block."""
        async with ClientSession(timeout=ClientTimeout(total=10)) as http:
            clients = [asyncio.create_task(self._post(http)) for _ in range(CLIENTS)]
            try:
                yield
            finally:
                for client in clients:
                    client.cancel()
                await asyncio.gather(*clients, return_exceptions=True)

    async def _post(self, http: ClientSession) -> None:
        while True:
            number = next(self._numbers)
            body = numbered(number)
            try:
                async with http.post(
                    self._url, data=body, headers={"X-Teekrr-Signature": teekrr_signature(body)}
                ) as answer:
                    if answer.status == 200:
                        self.acknowledged.add(number)
                    else:
                        self.refused += 1
                        await asyncio.sleep(0.01)
            except (ClientError, TimeoutError, OSError):
                await asyncio.sleep(0.05)

    async def more(self, count: int) -> None:
        """Wait until so many more are acknowledged."""
        wanted = len(self.acknowledged) + count
        await until(lambda: len(self.acknowledged) >= wanted)


async def until(condition: Callable[[], bool]) -> None:
    """Wait until something is so."""
    async with asyncio.timeout(120):
        while not await asyncio.to_thread(condition):  # noqa: ASYNC110 - another process makes it so
            await asyncio.sleep(0.02)


def drained(gateway: GatewayProcess) -> bool:
    return not gateway.metrics()["undelivered_spool_records"]


async def stored(broker: Broker) -> list[int]:
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.bootstrap, auto_offset_reset="earliest")
    found: list[str] = []
    async with asyncio.timeout(120), consumer:
        consumer.assign([TOPIC])
        await consumer.seek_to_beginning(TOPIC)
        end = (await consumer.end_offsets([TOPIC]))[TOPIC]
        while await consumer.position(TOPIC) < end:
            records = (await consumer.getmany(TOPIC, timeout_ms=500)).get(TOPIC, ())
            found += [json.loads(each.value or b"")["data"]["messageUuid"] for each in records]
    return [int(name.removeprefix("uuid-")) for name in found]


@pytest.mark.parametrize("spooling", [False, True])
async def test_nothing_that_was_acknowledged_is_lost(broker: Broker, tmp_path: Path, *, spooling: bool) -> None:
    before = len(await stored(broker))
    settings = {"spool_dir": str(tmp_path / "spool")} if spooling else {}
    gateway = GatewayProcess(broker.bootstrap, tmp_path, **settings)
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.until, "/readyz", 200)
    load = Load(gateway)
    async with load.running():
        for number in range(1, ROUNDS + 1):
            await load.more(200)
            if number % 3 == 0:
                await asyncio.to_thread(broker.kill)
                if spooling:
                    await load.more(100)
                else:
                    await asyncio.sleep(0.5)
            gateway.kill()
            await asyncio.to_thread(gateway.start)
            if number % 3 == 0:
                if spooling:
                    await load.more(100)
                await asyncio.to_thread(broker.start)
        await load.more(200)
    if spooling:
        await until(lambda: drained(gateway))
    assert await asyncio.to_thread(gateway.stop) == 0
    found = (await stored(broker))[before:]
    assert load.acknowledged - set(found) == set()
    # sent again by nobody: what is there twice was acknowledged by nobody in between, or was drained again
    assert len(found) - len(set(found)) <= len(found) / 4
    twice = len(found) - len(set(found))
    _log.info("acknowledged=%d refused=%d twice=%d missing=0", len(load.acknowledged), load.refused, twice)
    if spooling:
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "spool").rglob("*") if path.is_file()} <= {0o600}
        assert {path.stat().st_mode & 0o777 for path in (tmp_path / "spool", tmp_path / "spool/slot-1")} == {0o700}


async def test_with_the_spool_nobody_notices_that_the_broker_is_away(broker: Broker, tmp_path: Path) -> None:
    gateway = GatewayProcess(broker.bootstrap, tmp_path, spool_dir=str(tmp_path / "spool"))
    await asyncio.to_thread(gateway.start)
    await asyncio.to_thread(gateway.until, "/readyz", 200)
    before = len(await stored(broker))
    try:
        load = Load(gateway)
        async with load.running():
            await load.more(100)
            await asyncio.to_thread(broker.kill)
            await load.more(500)
        assert load.refused == 0
        assert gateway.status("/readyz") == 200
        assert (await asyncio.to_thread(gateway.metrics))["undelivered_spool_records"] > 0
    finally:
        with suppress(Exception):
            await asyncio.to_thread(broker.start)
    await until(lambda: drained(gateway))
    found = (await stored(broker))[before:]
    assert load.acknowledged <= set(found)
    assert await asyncio.to_thread(gateway.stop) == 0


async def test_a_full_spool_is_a_503(tmp_path: Path) -> None:
    gateway = GatewayProcess("127.0.0.1:1", tmp_path, spool_dir=str(tmp_path / "spool"), spool_bytes=1_000_000)
    await asyncio.to_thread(gateway.start)
    body = json.dumps({"event": "failed", "data": {"x": "y" * 200_000}}).encode()
    assert [await asyncio.to_thread(gateway.post, body) for _ in range(5)] == [200, 200, 200, 200, 503]
    assert gateway.status("/readyz") == 503
    assert await asyncio.to_thread(gateway.stop) == 0
