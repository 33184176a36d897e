"""Poison in the topics of Avro records: requests and commands, and our own topics written by somebody else."""

from collections.abc import Callable, Mapping
from typing import Any

from app import avro
from app.topics import Topic
from tests.chaos.poison import TENANT, Draft, Effect, Kind, Kinds, Situation

_LONG = "9" * 600_000
_FAR = 2**62

Change = Callable[[Situation], Mapping[str, object]]


def _raw_pointer(situation: Situation) -> dict[str, Any]:
    return {"raw_topic": "raw.treble", "raw_partition": 0, "raw_offset": situation.poison.number, "raw_sha256": ""}


def _about_message(situation: Situation) -> dict[str, Any]:
    """Return what failures and confirmations have in common."""
    empty = "message_id provider_account correlation_id campaign_id provider_event_id provider_event"
    return {
        **dict.fromkeys(empty.split(), ""),
        **_raw_pointer(situation),
        "event_id": situation.name,
        "tenant": TENANT,
        "provider": "treble",
        "channel": "whatsapp",
        "recipient": situation.phone,
        "recipient_kind": "phone",
        "recipient_given": situation.phone,
        "account": f"{TENANT}/treble",
        "occurred_at": situation.at,
        "provider_sent_at": None,
        "received_at": situation.at,
        "event_id_basis": "content",
    }


def _failed(situation: Situation) -> dict[str, Any]:
    empty = "code smtp_reply smtp_enhanced receiver diagnostic mapping_version"
    return {
        **_about_message(situation),
        **dict.fromkeys(empty.split(), ""),
        "reason": "invalid_recipient",
        "attribution": "RECIPIENT",
        "permanence": "PERMANENT",
        "confidence": "CODE",
        "phase": "DELIVERY",
        "provider_will_retry": "NO",
        "outcome": "failed",
    }


def _confirmed(situation: Situation) -> dict[str, Any]:
    return {**_about_message(situation), "kind": "delivered"}


def _entry(situation: Situation) -> dict[str, Any]:
    return {
        **_raw_pointer(situation),
        "raw_topic": "raw.teekrr",
        "event_id": situation.name,
        "tenant": TENANT,
        "account": situation.name,
        "kind": "settle",
        "message_id": situation.name,
        "amount_micros": 1,
        "currency": "MYR",
        "occurred_at": situation.at,
        "received_at": situation.at,
        "provider": "teekrr",
        "provider_event": "billed",
    }


def _changed(situation: Situation) -> dict[str, Any]:
    money = "granted_micros available_micros reserved_micros spent_micros amount_micros"
    return {
        **dict.fromkeys(money.split(), 0),
        "event_id": situation.name,
        "tenant": TENANT,
        "account": situation.name,
        "currency": "MYR",
        "sequence": 1,
        "cause": "granted",
        "message_id": "",
        "occurred_at": situation.at,
    }


def _stats(situation: Situation) -> dict[str, Any]:
    return {
        "tenant": TENANT,
        "provider": "treble",
        "channel": "whatsapp",
        "outcome": "failed",
        "reason": "invalid_recipient",
        "attribution": "RECIPIENT",
        "minute": situation.at - situation.at % 60_000_000,
        "count": 1,
        "sample_code": "",
        "unlisted": False,
        "samples": [],
    }


def request(situation: Situation) -> dict[str, Any]:
    """Return a request with which nothing is wrong."""
    return {
        "event_id": situation.name,
        "tenant": TENANT,
        "channel": "sms",
        "recipient": situation.phone,
        "action": "suppress",
        "reason": "content_rejected",
        "occurred_at": situation.at,
        "requested_by": "ops@example.com",
        "until": None,
        "note": "",
        **_raw_pointer(situation),
        "raw_topic": "",
        "received_at": None,
    }


def command(situation: Situation) -> dict[str, Any]:
    """Return a grant with which nothing is wrong, for an account that nothing else is heard of."""
    return {
        "event_id": situation.name,
        "tenant": TENANT,
        "account": situation.name,
        "kind": "grant",
        "amount_micros": 1,
        "currency": "MYR",
        "message_id": "",
        "occurred_at": situation.at,
        "requested_by": "billing",
        "note": "",
    }


_RECORDS: dict[Topic, Callable[[Situation], dict[str, Any]]] = {
    Topic.SUPPRESSION_REQUESTED: request,
    Topic.CREDIT_REQUESTED: command,
    Topic.DELIVERY_FAILED: _failed,
    Topic.DELIVERY_CONFIRMED: _confirmed,
    Topic.CREDIT_ENTRY: _entry,
    Topic.CREDIT_CHANGED: _changed,
    Topic.DELIVERY_STATS: _stats,
}


def _spoilt(topic: Topic, *, big: bool = False, **wrong: object) -> Kind:
    def make(situation: Situation) -> list[Draft]:
        return [_draft(situation, topic, avro.encode(topic, _RECORDS[topic](situation) | wrong))]

    return Kind(make, big=big)


def _draft(situation: Situation, topic: Topic, value: bytes | None) -> Draft:
    # a key that is not too long where what it should be is
    return Draft(topic, value, situation.name.encode(), situation.headers(), _timestamp_ms(situation, topic))


def _timestamp_ms(situation: Situation, topic: Topic) -> int | None:
    """Return the time of the load, but in our own topics the present: some keep for days only what they hold."""
    requested = topic in {Topic.SUPPRESSION_REQUESTED, Topic.CREDIT_REQUESTED}
    return situation.at // 1000 if requested else None


def _noise(topic: Topic, effect: Effect = Effect.DEAD_LETTER) -> Kinds:
    return {
        f"{topic}: random bytes": Kind(lambda s: [_draft(s, topic, s.rng.randbytes(64))], effect),
        f"{topic}: tombstone": Kind(lambda s: [_draft(s, topic, None)], effect),
    }


def _foreign(topic: Topic, addressee: str) -> Kinds:
    """Return what somebody else may write into a topic of ours."""
    return {
        f"{topic}: tenant ~acme": _spoilt(topic, tenant="~acme"),
        f"{topic}: tenant with a slash": _spoilt(topic, tenant="a/b"),
        f"{topic}: {addressee} of 600 kB": _spoilt(topic, big=True, **{addressee: _LONG}),
        f"{topic}: occurred_at of 2^62": _spoilt(topic, occurred_at=_FAR),
        **_noise(topic),
    }


_REQUESTED = {
    "tenant ~acme": _spoilt(Topic.SUPPRESSION_REQUESTED, tenant="~acme"),
    "tenant with a slash": _spoilt(Topic.SUPPRESSION_REQUESTED, tenant="a/b"),
    "recipient of 600 kB": _spoilt(Topic.SUPPRESSION_REQUESTED, recipient=_LONG, big=True),
    "event_id of 1,000 characters": _spoilt(Topic.SUPPRESSION_REQUESTED, event_id="i" * 1000),
    "occurred_at of -2^61": _spoilt(Topic.SUPPRESSION_REQUESTED, occurred_at=-(2**61)),
    "occurred_at of 2^62": _spoilt(Topic.SUPPRESSION_REQUESTED, occurred_at=_FAR),
    "two that are alike but for until": Kind(None, Effect.ORDINARY, records=2),
}
_COMMANDED = {
    "account with a separator": _spoilt(Topic.CREDIT_REQUESTED, account="poisoned\x1fmessage"),
    "account of 600 kB": _spoilt(Topic.CREDIT_REQUESTED, account=_LONG, big=True),
    "account empty": _spoilt(Topic.CREDIT_REQUESTED, account=""),
    "amount of 2^62": _spoilt(Topic.CREDIT_REQUESTED, amount_micros=_FAR),
    "amount of -2^62": _spoilt(Topic.CREDIT_REQUESTED, kind="adjust", amount_micros=-_FAR),
    "two grants of 9 * 10^14": Kind(None, Effect.ORDINARY, records=2),
}
_COUNTED = {
    "tenant with a slash": _spoilt(Topic.DELIVERY_STATS, tenant="a/b"),
    "count of -5": _spoilt(Topic.DELIVERY_STATS, count=-5),
    "minute of 2^63-1": _spoilt(Topic.DELIVERY_STATS, minute=2**63 - 1),
}

AVRO_KINDS: Kinds = {
    **{f"{Topic.SUPPRESSION_REQUESTED}: {name}": kind for name, kind in _REQUESTED.items()},
    **_noise(Topic.SUPPRESSION_REQUESTED),
    **{f"{Topic.CREDIT_REQUESTED}: {name}": kind for name, kind in _COMMANDED.items()},
    **_noise(Topic.CREDIT_REQUESTED),
    **{f"{Topic.DELIVERY_STATS}: {name}": kind for name, kind in _COUNTED.items()},
    **_noise(Topic.DELIVERY_STATS),
    **_foreign(Topic.DELIVERY_FAILED, "recipient"),
    **_foreign(Topic.DELIVERY_CONFIRMED, "recipient"),
    **_foreign(Topic.CREDIT_ENTRY, "account"),
    **_foreign(Topic.CREDIT_CHANGED, "account"),
    **_noise(Topic.PROVIDER_HEALTH, Effect.PASSED_OVER),
}
