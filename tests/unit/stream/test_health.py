from typing import Any

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
