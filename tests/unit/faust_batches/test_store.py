from pathlib import Path

import pytest

from app.faust_batches.store import PartitionRows, TableStore


@pytest.fixture(params=["memory", "rocksdb"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "rocksdb" else None


def _state(rows: PartitionRows) -> tuple[dict[bytes, bytes], int]:
    return dict(rows.items()), rows.position


def test_rows_and_position_change_together(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": b"1", b"b": b"2"}, 2)
    rows.apply({b"a": None, b"c": b"3"}, 5)
    assert _state(rows) == ({b"b": b"2", b"c": b"3"}, 5)
    assert rows.get(b"a") is None
    assert rows.get(b"c") == b"3"
    store.close()


def test_position_never_goes_back(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": b"1"}, 7)
    rows.apply({b"a": b"2"}, 3)
    assert _state(rows) == ({b"a": b"2"}, 7)
    store.close()


def test_a_partition_that_left_is_forgotten_or_reopened_as_it_was(folder: Path | None) -> None:
    """Memory starts again from the changelog's beginning, RocksDB from where its rows stand."""
    store = TableStore("counts", folder)
    store.open(0).apply({b"a": b"1"}, 1)
    store.open(1).apply({b"b": b"2"}, 4)
    store.keep_only([0])
    assert list(store.partitions) == [0]
    reopened = _state(store.open(1))
    assert reopened == (({}, 0) if folder is None else ({b"b": b"2"}, 4))
    store.close()


def test_cleared_rows_are_gone(folder: Path | None) -> None:
    store = TableStore("counts", folder)
    rows = store.open(0)
    rows.apply({b"a": b"1"}, 9)
    rows.clear()
    assert _state(rows) == ({}, 0)
    rows.apply({b"a": b"2"}, 1)
    assert _state(rows) == ({b"a": b"2"}, 1)
    store.close()
