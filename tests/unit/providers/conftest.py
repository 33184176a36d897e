import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from app.outputs import RawRecord
from app.topics import RAW_TOPICS
from app.vocabulary import Provider

SAMPLES = Path(__file__).parent / "samples"
PROVIDERS = {
    "teekrr": Provider.TEEKRR,
    "webex": Provider.WEBEX_INTERACT,
    "prelude": Provider.PRELUDE,
    "treble": Provider.TREBLE,
}
RECEIVED_AT = 1_780_000_000_000_001


def raw_of(provider: Provider, body: bytes) -> RawRecord:
    return RawRecord(provider, body, "acme", RECEIVED_AT, topic=RAW_TOPICS[provider], partition=3, offset=42)


@pytest.fixture
def sample() -> Callable[..., RawRecord]:
    """Load a sample payload as a raw record; keywords replace fields, ``None`` removes one, ``a__b`` reaches inside."""

    def load(name: str, **changes: object) -> RawRecord:
        body = (SAMPLES / f"{name}.json").read_bytes()
        if changes:
            parsed: dict[str, Any] = orjson.loads(body)
            for path, value in changes.items():
                *outer, last = path.split("__")
                target = parsed
                for part in outer:
                    target = target[part]
                if value is None:
                    del target[last]
                else:
                    target[last] = value
            body = orjson.dumps(parsed)
        return raw_of(PROVIDERS[name.partition("-")[0]], body)

    return load


@pytest.fixture
def pointer() -> Callable[[RawRecord], dict[str, object]]:
    """Say what the records made of a raw record tell of its place and bytes."""

    def point(raw: RawRecord) -> dict[str, object]:
        return {
            "received_at": RECEIVED_AT,
            "raw_topic": raw.topic,
            "raw_partition": 3,
            "raw_offset": 42,
            "raw_sha256": hashlib.sha256(raw.value).hexdigest(),
        }

    return point
