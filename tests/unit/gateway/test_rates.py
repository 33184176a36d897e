import pytest

from app.gateway.rates import Bucket


def test_a_burst_passes_and_then_so_many_a_second() -> None:
    bucket = Bucket(2, 5)
    assert [bucket.take(100.0) for _ in range(5)] == [0] * 5
    assert bucket.take(100.0) == pytest.approx(0.5)
    assert bucket.take(100.4) == pytest.approx(0.1)
    assert bucket.take(100.5) == 0
    assert bucket.take(100.6) == pytest.approx(0.4)


def test_a_moment_before_the_last_one_costs_no_more_than_one() -> None:
    bucket = Bucket(30, 100)
    assert [bucket.take(each) for each in (100.0, 96.1, 100.0)] == [0, 0, 0]


def test_silence_saves_no_more_than_a_burst() -> None:
    bucket = Bucket(10, 3)
    bucket.take(0.0)
    assert [bucket.take(1e6) > 0 for _ in range(4)] == [False, False, False, True]


def test_in_the_long_run_the_rate_is_kept() -> None:
    bucket = Bucket(4, 1)
    passed = sum(bucket.take(number / 128) == 0 for number in range(10_000))
    assert 311 <= passed <= 314
