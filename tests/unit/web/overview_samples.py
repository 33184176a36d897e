"""Records of the topics that the overview is made of."""

from typing import Any, NamedTuple

from app import avro
from app.domain.clock import HOUR
from app.topics import Topic

NOW = 490_000 * HOUR + HOUR // 2


class Consumed(NamedTuple):
    """A record as aiokafka hands it over."""

    topic: str
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    timestamp: int = NOW // 1000
    partition: int = 0
    offset: int = 0
    key: bytes | None = None


def stats(**changes: Any) -> dict[str, Any]:  # noqa: ANN401 - fields of a record
    return {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "sms",
        "outcome": "failed",
        "reason": "mailbox_full",
        "attribution": "RECIPIENT",
        "minute": NOW,
        "count": 1,
        "sample_code": "",
        "unlisted": False,
        "samples": [],
    } | changes


def suppression(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "tenant": "acme",
        "channel": "sms",
        "recipient": "+447810000001",
        "state": "suppressed",
        "reason": "invalid_recipient",
        "since": NOW - HOUR,
        "until": None,
        "tier": 1,
        "sequence": 2,
        "cause": "failure",
        "evidence": ["e1"],
        "requested_by": "",
        "changed_at": NOW - HOUR,
        "policy_version": "1.0",
    } | changes


def credit(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "tenant": "acme",
        "account": "acme/teekrr",
        "currency": "EUR",
        "granted_micros": 100,
        "available_micros": 60,
        "reserved_micros": 10,
        "spent_micros": 30,
        "sequence": 3,
        "cause": "settled",
        "message_id": "m",
        "amount_micros": 10,
        "occurred_at": NOW - HOUR,
    } | changes


def alert(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {
        "event_id": "x",
        "alert_key": "acme/teekrr/sms/sender_credentials",
        "tenant": "acme",
        "kind": "sender_fault",
        "state": "raised",
        "summary": "teekrr refuses our credentials on sms.",
        "action": "Renew the token.",
        "provider": "teekrr",
        "channel": "sms",
        "account": "",
        "reason": "sender_credentials",
        "sample_code": "401",
        "observed": 1.0,
        "threshold": 1.0,
        "samples": [],
        "occurred_at": NOW - HOUR,
    } | changes


def letter(*headers: tuple[str, bytes]) -> Consumed:
    own = (
        ("origin-topic", b"raw.teekrr"),
        ("origin-partition", b"3"),
        ("origin-offset", b"17"),
        ("error-class", b"BadInputError"),
        ("error-text", b"body: 3 bytes, expected a JSON object"),
    )
    return Consumed(Topic.DEAD_LETTER, b"???", (*headers, *own))


def consumed(topic: str, value: dict[str, Any]) -> Consumed:
    return Consumed(topic, avro.encode(topic, value))
