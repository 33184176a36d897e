from app.stream.watermark import Watermark, raw_partitions

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
QUIET_S = 10


def mark() -> Watermark:
    """Return a watermark of two sources, of which nobody has heard yet."""
    watermark = Watermark(["commands", "reports"], QUIET_S)
    assert watermark.moment(START) is None
    return watermark


def wait(watermark: Watermark, begin: int, seconds: int) -> int:
    """Look once a second; return the time afterwards."""
    for second in range(seconds + 1):
        watermark.moment(begin + second * SECOND)
    return begin + seconds * SECOND


def test_nothing_is_known_before_each_source_was_heard_of_or_long_silent() -> None:
    """Silence counts from the start."""
    watermark = mark()
    watermark.read("commands", START - 500, START)
    assert watermark.moment(START) is None
    now = wait(watermark, START, 9) + SECOND
    assert watermark.moment(now - 1) is None
    assert watermark.moment(now) == now


def test_the_source_that_is_furthest_behind_counts() -> None:
    """By the newest of its records, whatever their order."""
    watermark = mark()
    watermark.read("commands", START - 10, START)
    watermark.read("reports", START - 9000, START)
    assert watermark.moment(START) == START - 9000
    watermark.read("reports", START - 700, START)
    watermark.read("reports", START - 800, START)
    assert watermark.moment(START) == START - 700
    watermark.read("reports", START - 2, START)
    assert watermark.moment(START) == START - 10


def test_a_source_that_is_silent_counts_as_read_until_it_speaks_again() -> None:
    """The other one alone tells the time meanwhile."""
    watermark = mark()
    watermark.read("reports", START - 9000, START)
    now = wait(watermark, START, 5)
    watermark.read("commands", now - 20, now)
    now = wait(watermark, now, 4)
    assert watermark.moment(now) == START - 9000
    now += SECOND
    assert watermark.moment(now) == START + 5 * SECOND - 20
    watermark.read("reports", START - 8000, now)
    assert watermark.moment(now) == START - 8000


def test_a_record_tells_nothing_of_what_comes_after_it() -> None:
    """Whatever clock it was dated by: one of the year 5138 would make its source count as read until then."""
    watermark = mark()
    for source in ("commands", "reports"):
        assert watermark.read(source, 10**17 - 1, START) == START
    assert watermark.moment(START) == START
    assert watermark.moment(START + 1) == START


def test_time_in_which_nobody_looked_is_no_silence() -> None:
    """A processor that was stopped for an hour has not listened."""
    watermark = mark()
    watermark.read("reports", START - 9000, START)
    watermark.read("commands", START - 10, START)
    assert watermark.moment(START + 3600 * SECOND) == START - 9000
    assert watermark.moment(START + 60 * SECOND) == START - 9000, "the clock was set back"
    now = START + 65 * SECOND
    assert watermark.moment(now) == now


def test_a_source_nobody_named_holds_nothing_back() -> None:
    """Records tell their origin, and anybody may write one: a flood of made-up origins is not kept either."""
    watermark = mark()
    for number in range(1000):
        watermark.read(f"elsewhere/{number}", START - 9000, START)
    for source in ("commands", "reports"):
        watermark.read(source, START - 10, START)
    assert watermark.moment(START) == START - 10
    assert len(watermark._newest) == len(watermark._heard_at) == 2


def test_a_source_with_a_slow_clock_holds_time_back_until_it_is_read_to_its_end() -> None:
    """Except for what may have been under way, received in the last seconds."""
    watermark = mark()
    watermark.read("commands", START, START)
    slow = START - 3 * 24 * 3600 * SECOND
    assert watermark.read("reports", slow, START) == slow
    assert watermark.moment(START) == slow
    assert watermark.read_to_end("reports", START) == START - 5 * SECOND
    assert watermark.read("reports", slow + 7, START) == START - 5 * SECOND, "what was read stays read"
    assert watermark.moment(START) == START - 5 * SECOND


def test_a_source_that_is_read_to_its_end_counts_by_its_own_clock_if_that_is_later() -> None:
    watermark = mark()
    watermark.read("commands", START, START)
    watermark.read("reports", START - 1, START)
    assert watermark.read_to_end("reports", START) == START - 1


def test_without_patience_the_clock_tells_the_time() -> None:
    """A quiet time of zero."""
    assert Watermark(["commands"], 0).moment(START) == START


def test_sources_are_the_partitions_of_all_raw_topics() -> None:
    """As records tell their origin."""
    found = raw_partitions(2)
    assert len(found) == 8
    assert {("raw.teekrr", 0), ("raw.prelude", 1)} < set(found)
