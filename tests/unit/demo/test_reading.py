"""What the demo reads, as figures; records are those of the product's own codec."""

from collections import Counter
from typing import Any, NamedTuple

from app import avro
from app.demo.figures import Balance, Figures, Raised, Suppressed
from app.demo.reading import Seen
from app.normalize import normalize
from app.outputs import RawRecord
from app.topics import Topic

FAILED = b'{"event":"failed","timestamp":"2026-05-06T10:15:00Z","data":{"messageUuid":"%s","channel":"sms",%s\
"failedAt":"2026-05-06T10:14:59Z","errorMessage":"Delivery failed"}}'
SUPPRESSION: dict[str, Any] = {
    "event_id": "e1",
    "tenant": "acme",
    "channel": "sms",
    "recipient": "+60123456789",
    "state": "suppressed",
    "reason": "invalid_recipient",
    "since": 1,
    "until": None,
    "tier": 1,
    "sequence": 2,
    "cause": "failure",
    "evidence": ["e0"],
    "requested_by": "",
    "changed_at": 1,
    "policy_version": "1",
}
CREDIT: dict[str, Any] = {
    "event_id": "e2",
    "tenant": "acme",
    "account": "acme/teekrr",
    "currency": "MYR",
    "granted_micros": 10,
    "available_micros": 10,
    "reserved_micros": 0,
    "spent_micros": 0,
    "sequence": 1,
    "cause": "granted",
    "message_id": "",
    "amount_micros": 10,
    "occurred_at": 1,
}
ALERT: dict[str, Any] = {
    "event_id": "e3",
    "alert_key": "sender_fault/acme/teekrr/sms/sender_credentials",
    "tenant": "acme",
    "kind": "sender_fault",
    "state": "raised",
    "summary": "s",
    "action": "a",
    "provider": "teekrr",
    "channel": "sms",
    "account": "",
    "reason": "sender_credentials",
    "sample_code": "",
    "observed": 1.0,
    "threshold": 1.0,
    "samples": [],
    "occurred_at": 1,
}


class Read(NamedTuple):
    """As much of a consumed record as matters here."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]


def take(seen: Seen, topic: str, key: str, value: Any) -> None:  # noqa: ANN401 - any record
    seen.take(topic, Read(key.encode(), avro.encode(topic, value), []))


def failure(message: bytes, recipient: bytes) -> Any:  # noqa: ANN401 - a record
    return normalize(RawRecord("teekrr", FAILED % (message, recipient), "acme", 1)).outputs[0].value


def test_repeats_count_once_and_the_latest_state_holds() -> None:
    seen = Seen()
    one, other = failure(b"m1", b'"msisdn":"+60123456789",'), failure(b"m2", b"")
    for value in (one, other, one):
        take(seen, Topic.DELIVERY_FAILED, "k", value)
    for state in ("suppressed", "allowed"):
        take(seen, Topic.SUPPRESSION_CHANGED, "lifted", {**SUPPRESSION, "state": state})
        take(seen, Topic.DELIVERY_ALERT, "cleared", {**ALERT, "state": {"allowed": "cleared"}.get(state, "raised")})
    take(seen, Topic.SUPPRESSION_CHANGED, "kept", SUPPRESSION)
    take(seen, Topic.DELIVERY_ALERT, "kept", ALERT)
    take(seen, Topic.CREDIT_CHANGED, "acme/teekrr", CREDIT)
    take(seen, Topic.CREDIT_CHANGED, "acme/teekrr", {**CREDIT, "available_micros": 8, "spent_micros": 2})
    seen.take(Topic.RAW_TEEKRR, Read(b"", b"", []))
    seen.take(Topic.DEAD_LETTER, Read(b"", b"", [("origin-topic", b"raw.teekrr"), ("error-text", b"body: empty")]))
    seen.recipients.add("acme/+60123456789")

    assert seen.figures() == Figures(
        raw=1,
        failed=Counter({("teekrr", "unknown"): 2}),
        unaddressed=1,
        confirmed=Counter(),
        dead_letters=1,
        recipients=frozenset({"acme/+60123456789"}),
        suppressions=frozenset({Suppressed("acme", "+60123456789", "sms", "invalid_recipient")}),
        credit={"acme/teekrr": Balance("MYR", 10, 8, 0, 2)},
        alerts=frozenset({Raised("sender_fault", "acme", "teekrr", "sms", "", "sender_credentials")}),
    )
