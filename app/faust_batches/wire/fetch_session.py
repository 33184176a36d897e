"""Incremental fetches (KIP-227): a broker remembers what is fetched from it, so that only changes travel.

aiokafka names every partition in each request and gets each back in every answer, which at a few records a second is
most of what a worker does.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.protocol.api import Request
from aiokafka.protocol.fetch import FetchRequest_v11

from app.faust_batches.wire.protocol import by_topic

_READ_COMMITTED = 1
_MIN_BYTES = 1
_WAIT_MS = 500
_LAST_EPOCH = 2**31 - 1
_UNKNOWN = -1


class SessionFetchRequest(Request[FetchRequest_v11]):  # type: ignore[misc] # no types are published
    """A fetch within a session."""

    API_KEY = 1

    def __init__(self, *fields: Any) -> None:
        self._fields = fields

    def build(self, request_struct_class: type[FetchRequest_v11]) -> FetchRequest_v11:
        """Return the request in the version that was agreed on."""
        return request_struct_class(*self._fields)


class FetchSession:
    """What one broker knows of our fetches.

    ``fetch_bytes`` of an answer, ``partition_bytes`` of each partition in it; a larger record comes alone.
    """

    def __init__(self, partitions: Iterable[TopicPartition], fetch_bytes: int, partition_bytes: int) -> None:
        self._partitions = tuple(partitions)
        self._fetch_bytes = fetch_bytes
        self._partition_bytes = partition_bytes
        self._known: dict[TopicPartition, int] = {}
        """The offsets that the broker has in mind."""
        self._id = 0
        self._epoch = 0

    def request(self, positions: Mapping[TopicPartition, int]) -> SessionFetchRequest:
        """Return a request for what follows these positions; what the broker has in mind is left out."""
        changed = [tp for tp in self._partitions if self._known.get(tp) != positions[tp]]
        self._known.update({tp: positions[tp] for tp in changed})
        topics = [
            (topic, [self._partition(number, positions[TopicPartition(topic, number)]) for number in numbers])
            for topic, numbers in by_topic(changed)
        ]
        head = (_UNKNOWN, _WAIT_MS, _MIN_BYTES, self._fetch_bytes, _READ_COMMITTED, self._id, self._epoch)
        return SessionFetchRequest(*head, topics, [], "")

    def _partition(self, number: int, position: int) -> tuple[int, int, int, int, int]:
        return number, _UNKNOWN, position, _UNKNOWN, self._partition_bytes

    def answered(self, session_id: int) -> None:
        """Take note of a good answer; a broker without room for sessions (id 0) wants everything each time."""
        if session_id == 0:
            self.reset()
            return
        self._id = session_id
        self._epoch = 1 if self._epoch == _LAST_EPOCH else self._epoch + 1

    def reset(self) -> None:
        """Begin anew: the broker has forgotten the session, or an answer was lost."""
        self._id = self._epoch = 0
        self._known.clear()
