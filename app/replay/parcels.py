"""What is to be written, put together by recipient."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from app.events import SuppressionRequested
from app.identity import recipient_key
from app.replay.difference import Change, Fate
from app.replay.judgements import Identity


class Correction(NamedTuple):
    """A failure with its new judgement, encoded."""

    event_id: str
    channel: str
    value: bytes


class Parcel(NamedTuple):
    """All that is to be written about one recipient, or about a message whose recipient nobody named."""

    key: str
    corrections: tuple[Correction, ...]
    requests: tuple[SuppressionRequested, ...]


def parcels(corrections: Mapping[str, Mapping[Identity, Correction]], changes: Iterable[Change]) -> Iterator[Parcel]:
    """Put corrections, by key, and requests together; leave out the channels that are kept as they are."""
    requests: dict[str, tuple[SuppressionRequested, ...]] = {}
    kept = set()
    for change in changes:
        key = recipient_key(change.tenant, change.recipient)
        requests[key] = requests.get(key, ()) + change.requests
        if change.fate is Fate.KEPT:
            kept.add((key, change.channel))
    for key, found in sorted(corrections.items()):
        written = tuple([each for each in found.values() if (key, each.channel) not in kept])
        if written:
            yield Parcel(key, written, requests.get(key, ()))
