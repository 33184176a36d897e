"""Rows come to the end of their changelog, whatever lies at that end."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping

import pytest
from aiokafka import TopicPartition

from app.faust_batches import recovery
from app.faust_batches.recovery import read_changelogs
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.wire.brokers import Brokers
from app.faust_batches.wire.fetching import Fetched, FetchSizes
from app.faust_batches.wire.offsets import Extent
from tests.unit.faust_batches.small_work import Taken

CHANGELOG = TopicPartition("changelog", 0)


class Fetching:
    """Delivers a record, and a while later the commit marker behind it."""

    def __init__(
        self,
        brokers: Brokers,
        positions: Mapping[TopicPartition, int],
        sizes: FetchSizes,
        deliver: Callable[[Fetched], None],
        room: Callable[[], Awaitable[None]],
    ) -> None:
        del brokers, sizes, room
        assert positions == {CHANGELOG: 4}
        self._deliver = deliver

    async def run(self) -> None:
        """Deliver, then wait for more."""
        self._deliver(Fetched(CHANGELOG, [Taken(4, b"row")], 5, reaches_end=False))
        await asyncio.sleep(0.01)
        self._deliver(Fetched(CHANGELOG, [], 6, reaches_end=True))
        await asyncio.Event().wait()


async def test_a_changelog_is_read_to_its_end_and_not_to_its_last_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit marker occupies the last offset: no record with that offset ever comes."""
    monkeypatch.setattr(recovery, "Fetching", Fetching)
    rows = MemoryRows()
    read = await read_changelogs(Brokers({}, "test", 5), {CHANGELOG: rows}, {CHANGELOG: Extent(4, 6)}, 5)
    assert (read, rows.get(b"k"), rows.position) == (1, b"row", 6)
