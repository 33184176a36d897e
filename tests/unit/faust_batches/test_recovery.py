"""Rows come to the end of their changelog, whatever lies at that end."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from app.faust_batches import recovery
from app.faust_batches.recovery import TOMBSTONE_S, read_changelogs
from app.faust_batches.rows.memory import MemoryRows
from app.faust_batches.rows.rocks import RocksRows
from app.faust_batches.transaction import Row
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
        assert positions[CHANGELOG] in {4, 5}
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


def kept(folder: Path, position: int, age_s: float) -> RocksRows:
    """Return rows that were written so long ago, and stand for this offset."""
    rows = RocksRows(folder / "0")
    rows.apply({b"deleted since": Row(b"1", None)}, position)
    rows.written_at = int(time.time() - age_s)
    return rows


@pytest.mark.parametrize(
    ("position", "age_s", "expected"),
    [
        pytest.param(5, TOMBSTONE_S + 60, [b"k"], id="away for longer than tombstones live"),
        pytest.param(5, TOMBSTONE_S - 60, [b"deleted since", b"k"], id="away for less"),
        pytest.param(6, TOMBSTONE_S + 60, [b"deleted since"], id="nothing was missed"),
        pytest.param(9, 0, [b"k"], id="of a changelog that ended later"),
    ],
)
async def test_rows_on_disk_that_may_have_missed_a_tombstone_are_read_anew(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, position: int, age_s: float, expected: list[bytes]
) -> None:
    """A tombstone that is gone cannot be caught up with: the row would be there for ever."""
    monkeypatch.setattr(recovery, "Fetching", Fetching)
    rows = kept(tmp_path, position, age_s)
    await read_changelogs(Brokers({}, "test", 5), {CHANGELOG: rows}, {CHANGELOG: Extent(4, 6)}, 5)
    assert [key for key, _ in rows.items()] == expected
    rows.close()
