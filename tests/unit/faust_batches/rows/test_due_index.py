from hypothesis import given
from hypothesis import strategies as st

from app.faust_batches.rows.due_index import DueIndex

_HOUR = 3_600_000_000
_KEYS = st.sampled_from([b"%d" % number for number in range(8)])
_MOMENTS = st.none() | st.integers(0, 40 * _HOUR)


@given(st.lists(st.tuples(_KEYS, _MOMENTS)), st.integers(0, 40 * _HOUR))
def test_it_knows_what_a_dict_of_moments_knows(steps: list[tuple[bytes, int | None]], until: int) -> None:
    """Whatever is set, moved and dropped in whatever order."""
    index, plain = DueIndex(), dict[bytes, int | None]()

    def moment_of(key: bytes) -> int:
        moment = plain[key]
        assert moment is not None
        return moment

    for key, moment in steps:
        index.move(key, plain.get(key), moment)
        plain[key] = moment
        index.due(until // 2, 3, moment_of)
    wanted = {key for key, moment in plain.items() if moment is not None and moment <= until}
    assert set(index.due(until, 100, moment_of)) == wanted
    assert len(index) == sum(moment is not None for moment in plain.values())


def test_a_row_that_is_moved_for_ever_takes_no_more_room() -> None:
    """A row of a busy person is moved with every event: no entry of it stays behind."""
    index = DueIndex()
    index.move(b"busy", None, 0)
    for hour in range(100_000):
        index.move(b"busy", hour * _HOUR, (hour + 1) * _HOUR)
    assert len(index) == 1
    assert len(index._spans) < 200
    assert len(index._order) < 200
