import io

from rich.console import Console

from benchmarks.product.figures import longest_pause, percentile, shown, table_of


def test_percentiles_are_values_that_were_measured() -> None:
    values = [float(number) for number in range(1, 201)]
    assert (percentile(values, 50), percentile(values, 99), percentile(values, 100)) == (100.0, 198.0, 200.0)
    assert percentile([7.0], 99) == 7.0


def test_a_pause_may_begin_or_end_with_the_window() -> None:
    arrivals = [1.0, 10.0, 11.0, 13.0, 30.0]
    assert longest_pause(arrivals, 9.5, 14.0) == 2.0
    assert longest_pause(arrivals, 4.0, 14.0) == 6.0
    assert longest_pause(arrivals, 12.0, 20.0) == 7.0
    assert longest_pause([], 12.0, 20.0) == 8.0


def test_figures_have_three_digits_that_count() -> None:
    assert [shown(value) for value in (0.0314, 4.5678, 45.678, 456.78, 4567.8, 78.0, 0.0)] == [
        "0.031",
        "4.57",
        "45.7",
        "457",
        "4,568",
        "78",
        "0",
    ]


def text_of(values: dict[tuple[str, str], dict[str, list[float]]], *checkouts: str) -> str:
    """The table as it is printed."""
    file = io.StringIO()
    Console(file=file, width=100).print(table_of("latency", values, checkouts))
    return file.getvalue()


def test_two_checkouts_stand_beside_their_ratio_by_medians() -> None:
    printed = text_of({("20/s p50", "ms"): {"this": [10.0, 50.0, 12.0], "other": [24.0, 20.0]}}, "this", "other")
    assert "this / other" in printed
    assert [cell.strip() for cell in printed.splitlines()[3].split("│")[1:-1]] == ["20/s p50", "ms", "12", "22", "0.55"]


def test_a_checkout_that_failed_leaves_the_other_ones_figure() -> None:
    printed = text_of({("20/s p50", "ms"): {"this": [10.0]}}, "this", "other")
    assert [cell.strip() for cell in printed.splitlines()[3].split("│")[1:-1]] == ["20/s p50", "ms", "10", "failed", ""]


def test_one_checkout_alone_has_no_ratio() -> None:
    printed = text_of({("transactions", "a minute"): {"this": [0.0]}}, "this")
    assert [cell.strip() for cell in printed.splitlines()[3].split("│")[1:-1]] == ["transactions", "a minute", "0"]
