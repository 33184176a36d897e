"""How failures stand judged on ``delivery.failed``, in some 130 bytes of memory each.

A failure is one report of one webhook: it is known by where that webhook lies and by its event id.
"""

from collections.abc import Mapping
from hashlib import blake2b
from struct import Struct
from typing import Any, NamedTuple, cast

from app.events import DeliveryFailed
from app.topics import RAW_TOPICS
from app.vocabulary import Attribution, Confidence, Permanence, Phase, Reason

Identity = tuple[int, int]
"""A webhook's place, and the mark of an event id."""

NOWHERE = -1
"""The place of what was made from no webhook."""

_ENTRY = Struct(">QQI")
_TOPICS = {str(topic): number for number, topic in enumerate(RAW_TOPICS.values())}
_TOPIC_BITS = 4
_PARTITION_BITS = 20


class Verdict(NamedTuple):
    """Why, whose fault, and whether it lasts: what policies and people look at."""

    reason: str
    attribution: str
    permanence: str


class Judgement(NamedTuple):
    """The fields of a failure that the mapping decides."""

    reason: str
    attribution: str
    permanence: str
    confidence: str
    phase: str
    provider_will_retry: str
    outcome: str
    code: str
    smtp_reply: str
    smtp_enhanced: str
    receiver: str

    @property
    def verdict(self) -> Verdict:
        """The three words of it that count."""
        return Verdict(self.reason, self.attribution, self.permanence)

    @property
    def withdrawn(self) -> "Judgement":
        """The judgement on what the mapping no longer takes for a failure: it suppresses nobody."""
        return self._replace(
            reason=Reason.NOT_FAILURE.value,
            attribution=Attribution.UNKNOWN.value,
            permanence=Permanence.UNDETERMINED.value,
            confidence=Confidence.UNMAPPED.value,
            phase=Phase.UNKNOWN.value,
        )


class Entry(NamedTuple):
    """A recorded failure."""

    event: int
    """Mark of its event id."""
    key: int
    """Mark of its record's key, which stands for the recipient."""
    judgement: Judgement


def mark(text: str) -> int:
    """Return 64 bits that stand for a text."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest())


def place(topic: str, partition: int, offset: int) -> int:
    """Return one number for where a webhook lies; NOWHERE if that is no raw topic."""
    number = _TOPICS.get(topic)
    if number is None or partition < 0 or offset < 0:
        return NOWHERE
    return (offset << _PARTITION_BITS | partition) << _TOPIC_BITS | number


def identity_of(event: DeliveryFailed) -> Identity:
    """Return what tells a failure from all others."""
    return place(event["raw_topic"], event["raw_partition"], event["raw_offset"]), mark(event["event_id"])


def judgement_of(event: DeliveryFailed) -> Judgement:
    """Return how a failure is judged."""
    fields: Mapping[str, Any] = event
    # a word of the vocabulary is an enum when it was just judged, and a text when it was read
    return Judgement(*[str(fields[name]) for name in Judgement._fields])


def judged_as(event: DeliveryFailed, judgement: Judgement) -> DeliveryFailed:
    """Return a failure with another judgement."""
    return cast("DeliveryFailed", {**event, **judgement._asdict()})


class Recorded:
    """The failures as they stand on the topic: of several records of one failure the last one counts."""

    def __init__(self) -> None:
        self._entries: dict[int, bytes] = {}
        self._judgements: list[Judgement] = []
        self._numbers: dict[Judgement, int] = {}
        self._revised: dict[Identity, int] = {}

    def add(self, event: DeliveryFailed, key: int) -> None:
        """Take in a record with the mark of its key, in the order of its partition."""
        where, what = identity_of(event)
        if where == NOWHERE:
            return
        number = self._number(judgement_of(event))
        kept = []
        for each in _ENTRY.iter_unpack(self._entries.get(where, b"")):
            if each[0] != what:
                kept.append(each)
            elif each[2] != number:
                self._revised[where, what] = number
        self._entries[where] = b"".join(_ENTRY.pack(*each) for each in (*kept, (what, key, number)))

    def take(self, where: int) -> list[Entry]:
        """Remove and return the failures of a webhook."""
        found = self._entries.pop(where, b"")
        return [Entry(event, key, self._judgements[number]) for event, key, number in _ENTRY.iter_unpack(found)]

    def last_of(self, event: DeliveryFailed) -> Judgement:
        """Return the judgement that counts for a record: that of the failure's last one."""
        number = self._revised.get(identity_of(event))
        return judgement_of(event) if number is None else self._judgements[number]

    @property
    def left(self) -> int:
        """How many failures were not taken."""
        return sum(map(len, self._entries.values())) // _ENTRY.size

    def _number(self, judgement: Judgement) -> int:
        number = self._numbers.get(judgement)
        if number is None:
            number = self._numbers[judgement] = len(self._judgements)
            self._judgements.append(judgement)
        return number
