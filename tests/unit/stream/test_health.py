import asyncio
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from app import avro
from app.domain.outages import Outage, Outages
from app.stream import health as health_module
from app.stream.health import ProviderHealthReader

MINUTE = 60_000_000


def health(*periods: Outage, **fields: object) -> bytes:
    record: dict[str, Any] = {
        "tenant": "acme",
        "provider": "prelude",
        "channel": "sms",
        "degraded": bool(periods) and periods[-1].until is None,
        "failures": 1,
        "total": 2,
        "window_minutes": 30,
        "since": 0,
        "changed_at": 0,
        "periods": [each._asdict() for each in periods],
    }
    return avro.encode("provider.health", record | fields)


def test_the_newest_record_of_a_route_has_its_whole_history() -> None:
    """Every route has its own; nothing is known against one nobody has announced anything of."""
    reader = ProviderHealthReader({})
    first = Outage(5 * MINUTE, None)
    reader.take(health(first))
    assert reader.outages("acme", "prelude", "sms") == Outages((first,))
    assert reader.outages("acme", "prelude", "whatsapp") == Outages()
    history = Outage(5 * MINUTE, 9 * MINUTE), Outage(20 * MINUTE, None)
    reader.take(health(*history))
    reader.take(health(first, tenant="globex"))
    assert reader.outages("acme", "prelude", "sms") == Outages(history)
    assert reader.outages("globex", "prelude", "sms") == Outages((first,))


def test_a_record_of_somebody_else_changes_nothing() -> None:
    """A topic that anybody may write to must not be able to stop every worker."""
    reader = ProviderHealthReader({})
    lasting = Outage(0, None)
    reader.take(health(lasting))
    reader.take(b"not ours")
    reader.take(None)
    assert reader.outages("acme", "prelude", "sms") == Outages((lasting,))


def test_a_record_beyond_the_bounds_changes_nothing() -> None:
    """It fits the schema, and no agent of ours would write it."""
    reader = ProviderHealthReader({})
    lasting = Outage(0, None)
    reader.take(health(lasting))
    reader.take(health(Outage(0, 2**63 - 1)))
    reader.take(health(lasting, Outage(9 * MINUTE, None)))
    reader.take(health(*[Outage(number, number + 1) for number in range(33)]))
    reader.take(health(lasting, tenant="acme/prelude"))
    assert reader.outages("acme", "prelude", "sms") == Outages((lasting,))
    assert len(reader._outages) == 1


def test_routes_that_somebody_makes_up_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are known are still followed."""
    monkeypatch.setattr("app.stream.health._MOST_ROUTES", 2)
    reader = ProviderHealthReader({})
    for number in range(5):
        reader.take(health(Outage(0, None), tenant=f"t{number}"))
    reader.take(health(Outage(0, 1), tenant="t1"))
    assert [reader.outages(f"t{number}", "prelude", "sms").lasts for number in range(5)] == [True, *[False] * 4]
    assert reader.outages("t1", "prelude", "sms") == Outages((Outage(0, 1),))


class Consumer:
    """Fails at its start as often as it is told to, then follows an empty topic."""

    errors: list[KafkaError]
    stopped: int
    looks_fail: bool

    def __init__(self, **_: object) -> None:
        pass

    async def start(self) -> None:
        """Raise the next error."""
        if self.errors:
            raise self.errors.pop(0)

    async def stop(self) -> None:
        """Count."""
        type(self).stopped += 1

    def assign(self, partitions: list[Any]) -> None:
        """Take note."""
        self._partitions = partitions

    def assignment(self) -> list[Any]:
        """Return what was assigned."""
        return self._partitions

    async def end_offsets(self, partitions: list[Any]) -> dict[Any, int]:
        """Fail once: brokers go away at any time."""
        if self.looks_fail:
            type(self).looks_fail = False
            raise KafkaConnectionError
        return dict.fromkeys(partitions, 0)

    async def position(self, _: object) -> int:
        """Be at the end."""
        return 0

    async def getmany(self, **_: object) -> dict[Any, Any]:
        """Return nothing, now and then."""
        await asyncio.sleep(0.001)
        return {}


async def test_brokers_that_are_starting_are_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each consumer that did not start is closed; nothing is processed before one has read everything."""
    monkeypatch.setattr(Consumer, "errors", [KafkaConnectionError(), KafkaConnectionError()], raising=False)
    monkeypatch.setattr(Consumer, "stopped", 0, raising=False)
    monkeypatch.setattr(Consumer, "looks_fail", True, raising=False)
    monkeypatch.setattr(health_module, "AIOKafkaConsumer", Consumer)
    reader = ProviderHealthReader({}, 60)
    following = asyncio.create_task(reader.follow(2))
    await asyncio.wait_for(reader.catch_up(), 20)
    assert (Consumer.stopped, Consumer.looks_fail) == (2, False)
    following.cancel()
    await asyncio.wait([following])
    assert Consumer.stopped == 3


async def test_a_refusal_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends the worker: nobody would know of outages."""
    monkeypatch.setattr(Consumer, "errors", [TopicAuthorizationFailedError()], raising=False)
    monkeypatch.setattr(Consumer, "stopped", 0, raising=False)
    monkeypatch.setattr(health_module, "AIOKafkaConsumer", Consumer)
    with pytest.raises(TopicAuthorizationFailedError):
        await ProviderHealthReader({}, 60).follow(1)
