"""The pure core: microseconds for one event, without Kafka."""

import json
import time
import uuid
from collections.abc import Callable, Iterator
from typing import NamedTuple, cast

from app import avro
from app.classify import classify_diagnostic
from app.domain import recipients
from app.domain.outages import Outages
from app.domain.policy import load_policy
from app.domain.rows import decode_row, encode_row
from app.events import DeliveryFailed
from app.normalize import normalize
from app.outputs import RawRecord

EVENTS = 5_000
RECEIVED_AT = 1_778_062_500_000_000


class Figure(NamedTuple):
    """One line of the table."""

    name: str
    microseconds: float


def webhooks() -> Iterator[bytes]:
    """Teekrr failures of different people: every second on WhatsApp by code, the others e-mail by text."""
    for number in range(EVENTS):
        data = {
            "messageUuid": str(uuid.UUID(int=number)),
            "broadcastUuid": str(uuid.UUID(int=1)),
            "failedAt": "2026-05-06T10:14:59.900Z",
        }
        if number % 2:
            data |= {"channel": "whatsapp", "msisdn": f"6012{number:07d}", "errorCode": "131026"}
            data["errorMessage"] = "Message undeliverable"
        else:
            data |= {"channel": "email", "email": f"user{number}@example.com"}
            data["errorMessage"] = "550 5.1.1 The email account that you tried to reach does not exist."
        yield json.dumps({"event": "failed", "timestamp": "2026-05-06T10:15:00.123Z", "data": data}).encode()


def _timed(name: str, work: Callable[[int], object]) -> Figure:
    started = time.perf_counter()
    for number in range(EVENTS):
        work(number)
    return Figure(name, (time.perf_counter() - started) / EVENTS * 1e6)


def run() -> list[Figure]:
    """Measure each step of a failure's way."""
    raw = [RawRecord("teekrr", body, "acme", RECEIVED_AT, "acme/teekrr") for body in webhooks()]
    encoded = [avro.encode("delivery.failed", normalize(record).outputs[0].value) for record in raw]
    failures = [cast("DeliveryFailed", avro.decode("delivery.failed", value)) for value in encoded]
    policy = load_policy(None)
    rows = [decode_row(None) for _ in failures]
    texts = [f"smtp; 550 5.1.1 <user{number}@example.com>: user unknown" for number in range(EVENTS)]
    return [
        _timed("normalise a webhook", lambda n: normalize(raw[n])),
        _timed("classify a diagnostic never seen before", lambda n: classify_diagnostic(texts[n])),
        _timed("classify a diagnostic again", lambda n: classify_diagnostic(texts[n % 16])),
        _timed("encode delivery.failed", lambda n: avro.encode("delivery.failed", failures[n])),
        _timed("decode delivery.failed", lambda n: avro.decode("delivery.failed", encoded[n])),
        _timed(
            "apply a failure to a recipient's row",
            lambda n: recipients.apply_failed(rows[n], failures[n], policy, RECEIVED_AT, outages=Outages()),
        ),
        _timed("encode a recipient's row", lambda n: encode_row(rows[n])),
    ]
