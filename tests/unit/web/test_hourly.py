from app.domain.clock import HOUR
from app.web.hourly import HOURS, MOST_NAMES, HourlyCounts, first_hours

NOW = 500_000 * HOUR + HOUR // 2


def shown(counts: HourlyCounts, now: int) -> dict[tuple[str, ...], dict[int, int]]:
    """Return the hours that are not zero, by how long ago they were."""
    return {
        name: {HOURS - 1 - place: count for place, count in enumerate(by_hour) if count}
        for name, by_hour in counts.by_name(now).items()
    }


def test_counts_stand_in_their_hour() -> None:
    counts = HourlyCounts()
    for hours_ago, count in ((0, 1), (0, 2), (5, 4), (23, 8)):
        counts.add(("a",), NOW - hours_ago * HOUR, count, NOW)
    assert shown(counts, NOW) == {("a",): {0: 3, 5: 4, 23: 8}}


def test_what_is_older_than_the_hours_kept_is_not_counted() -> None:
    counts = HourlyCounts()
    counts.add(("a",), NOW - 24 * HOUR, 1, NOW)
    assert (shown(counts, NOW), counts.left_out) == ({}, 0)


def test_a_clock_that_is_ahead_counts_in_the_present_hour() -> None:
    counts = HourlyCounts()
    counts.add(("a",), NOW + 7 * HOUR, 1, NOW)
    assert shown(counts, NOW) == {("a",): {0: 1}}


def test_hours_pass_and_names_that_were_silent_for_a_day_go() -> None:
    counts = HourlyCounts()
    counts.add(("a",), NOW, 1, NOW)
    counts.add(("b",), NOW - 20 * HOUR, 1, NOW)
    assert shown(counts, NOW + 3 * HOUR) == {("a",): {3: 1}, ("b",): {23: 1}}
    assert shown(counts, NOW + 4 * HOUR) == {("a",): {4: 1}}
    assert shown(counts, NOW + 999 * HOUR) == {}


def test_a_clock_that_goes_back_moves_nothing() -> None:
    counts = HourlyCounts()
    counts.add(("a",), NOW, 1, NOW)
    counts.add(("a",), NOW, 1, NOW - 2 * HOUR)
    assert shown(counts, NOW) == {("a",): {0: 2}}


def test_there_is_an_end_to_the_names() -> None:
    counts = HourlyCounts()
    for number in range(MOST_NAMES + 3):
        counts.add((str(number),), NOW, 2, NOW)
    assert (len(shown(counts, NOW)), counts.left_out) == (MOST_NAMES, 6)


def test_the_hours_begin_on_the_hour() -> None:
    starts = first_hours(NOW)
    assert (starts[0], starts[-1], len(starts)) == (NOW - HOUR // 2 - 23 * HOUR, NOW - HOUR // 2, HOURS)
