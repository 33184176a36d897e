from typing import Any

import pytest

from app import avro
from app.domain.outages import Outage, Outages
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
