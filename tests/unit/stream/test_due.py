from app.stream.due import DueRows


def test_keys_come_out_when_their_moment_has_come_earliest_first() -> None:
    due = DueRows([(b"late", 30), (b"early", 10), (b"never", None)])
    assert due.pop_due(5, 10) == []
    assert due.pop_due(30, 10) == [b"early", b"late"]
    assert due.pop_due(99, 10) == []


def test_the_last_moment_set_for_a_key_counts() -> None:
    due = DueRows([(b"a", 10), (b"b", 10)])
    due.schedule(b"a", 20)
    due.schedule(b"b", None)
    assert due.pop_due(10, 10) == []
    assert due.pop_due(20, 10) == [b"a"]


def test_a_flood_is_taken_in_portions() -> None:
    due = DueRows((b"%d" % number, number) for number in range(5))
    assert due.pop_due(100, 3) == [b"0", b"1", b"2"]
    assert due.pop_due(100, 3) == [b"3", b"4"]


def test_a_key_put_back_at_its_old_moment_comes_out_once() -> None:
    due = DueRows([(b"a", 10)])
    due.schedule(b"a", 20)
    due.schedule(b"a", 10)
    assert due.pop_due(30, 10) == [b"a"]
