from app import avro
from app.stream.health import ProviderHealthReader


def health(*, degraded: bool) -> bytes:
    record = {
        "tenant": "acme",
        "provider": "prelude",
        "channel": "sms",
        "degraded": degraded,
        "failures": 1,
        "total": 2,
        "window_minutes": 30,
        "since": 0,
        "changed_at": 0,
    }
    return avro.encode("provider.health", record)


def test_the_newest_record_of_a_route_counts() -> None:
    reader = ProviderHealthReader({})
    assert not reader.is_degraded("acme", "prelude", "sms")
    reader.take(health(degraded=True))
    assert reader.is_degraded("acme", "prelude", "sms")
    assert not reader.is_degraded("acme", "prelude", "whatsapp")
    reader.take(health(degraded=False))
    assert not reader.is_degraded("acme", "prelude", "sms")


def test_a_record_of_somebody_else_changes_nothing() -> None:
    """A topic that anybody may write to must not be able to stop every worker."""
    reader = ProviderHealthReader({})
    reader.take(health(degraded=True))
    reader.take(b"not ours")
    reader.take(None)
    assert reader.is_degraded("acme", "prelude", "sms")
