from app.stream.watermark import Watermark

SECOND = 1_000_000
START = 1_800_000_000 * SECOND
QUIET = 10 * SECOND


def mark() -> Watermark:
    """Return a watermark of two sources, of which nobody has heard yet."""
    watermark = Watermark(["commands", "reports"], QUIET)
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


def test_it_is_never_beyond_the_present() -> None:
    """Whatever clock a record was dated by."""
    watermark = mark()
    for source in ("commands", "reports"):
        watermark.read(source, START + 99 * SECOND, START)
    assert watermark.moment(START + 1) == START + 1


def test_time_in_which_nobody_looked_is_no_silence() -> None:
    """A processor that was stopped for an hour has not listened."""
    watermark = mark()
    watermark.read("reports", START - 9000, START)
    watermark.read("commands", START - 10, START)
    assert watermark.moment(START + 3600 * SECOND) == START - 9000
    assert watermark.moment(START + 60 * SECOND) == START - 9000, "the clock was set back"
    now = START + 65 * SECOND
    assert watermark.moment(now) == now


def test_a_source_nobody_named_is_one_when_it_was_heard_of() -> None:
    """And holds back time as the others do."""
    watermark = mark()
    watermark.read("elsewhere", START - 9000, START)
    for source in ("commands", "reports"):
        watermark.read(source, START - 10, START)
    assert watermark.moment(START) == START - 9000


def test_without_patience_the_clock_tells_the_time() -> None:
    """A quiet time of zero."""
    assert Watermark(["commands"], 0).moment(START) == START
