from pathlib import Path

import pytest

from app.faust_batches.rows import PartitionRows, TableStore
from app.faust_batches.rows.rocks import RocksRows
from app.faust_batches.transaction import Row


@pytest.fixture(params=["memory", "rocksdb"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "rocksdb" else None


def _state(rows: PartitionRows) -> tuple[dict[bytes, bytes], int]:
    return dict(rows.items()), rows.position


def row(value: bytes, due: int | None = None) -> Row:
    return Row(value, due)


def test_rows_and_position_change_together(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": row(b"1"), b"b": row(b"2")}, 2)
    rows.apply({b"a": None, b"c": row(b"3")}, 5)
    assert _state(rows) == ({b"b": b"2", b"c": b"3"}, 5)
    assert rows.get(b"a") is None
    assert rows.get(b"c") == b"3"
    store.close()


def test_position_never_goes_back(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": row(b"1")}, 7)
    rows.apply({b"a": row(b"2")}, 3)
    assert _state(rows) == ({b"a": b"2"}, 7)
    store.close()


def test_a_partition_that_left_is_forgotten_or_reopened_as_it_was(folder: Path | None) -> None:
    """Memory starts again from the changelog's beginning, RocksDB from where its rows stand, due times included."""
    store = TableStore("counts", folder)
    store.open(0).apply({b"a": row(b"1")}, 1)
    store.open(1).apply({b"b": row(b"2", 30)}, 4)
    store.keep_only([0])
    assert list(store.partitions) == [0]
    reopened = store.open(1)
    assert _state(reopened) == (({}, 0) if folder is None else ({b"b": b"2"}, 4))
    assert reopened.due(30, 9) == ([] if folder is None else [b"b"])
    store.close()


def test_cleared_rows_are_gone(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": row(b"1", 1)}, 9)
    rows.clear()
    assert (_state(rows), rows.due(9, 9)) == (({}, 0), [])
    rows.apply({b"a": row(b"2")}, 1)
    assert _state(rows) == ({b"a": b"2"}, 1)
    store.close()


def test_a_row_is_due_at_its_last_moment_alone(folder: Path | None) -> None:
    """Moved, never due any more, deleted: nothing of an older moment is left."""
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({name: row(b"1", 10) for name in (b"stays", b"moves", b"rests", b"goes")}, 1)
    rows.apply({b"moves": row(b"2", 10**15), b"rests": row(b"2"), b"goes": None}, 2)
    assert rows.due(9, 9) == []
    assert rows.due(10, 9) == [b"stays"]
    assert sorted(rows.due(10**15, 9)) == [b"moves", b"stays"]
    rows.apply({b"rests": row(b"3", 5)}, 3)
    assert rows.due(10, 1) in ([b"rests"], [b"stays"])
    assert sorted(rows.due(10, 9)) == [b"rests", b"stays"]
    store.close()


def test_the_earliest_of_far_moments_come_first(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"%d" % hour: row(b"1", hour * 3_600_000_000) for hour in range(9, 0, -1)}, 1)
    assert rows.due(10**12, 3) == [b"1", b"2", b"3"]
    store.close()


def test_a_folder_of_another_layout_is_rebuilt(tmp_path: Path) -> None:
    """An earlier version's rows, which lack their due times, are read again from the changelog."""
    rows = RocksRows(tmp_path / "0")
    rows.apply({b"a": row(b"1")}, 3)
    rows._db.put(b"\x00state", b"1 3 0")
    rows.close()
    again = RocksRows(tmp_path / "0")
    assert _state(again) == ({}, 0)
    again.close()


def test_a_folder_says_when_it_was_written(tmp_path: Path) -> None:
    rows = RocksRows(tmp_path / "0")
    assert rows.written_at == 0
    rows.apply({}, 3)
    written_at = rows.written_at
    rows.close()
    again = RocksRows(tmp_path / "0")
    assert again.written_at == int(written_at) > 0
    again.close()
