from io import StringIO

from rich.console import Console

from app.demo.steps import steps


def test_without_a_terminal_each_step_and_each_fifth_of_it_is_a_line() -> None:
    written = StringIO()

    with steps(Console(file=written)) as shown:
        shown.show("starting")
        shown.show("starting")
        for done in (0, 1, 2, 4, 5, 10):
            shown.show("posting", done, 10)

    assert written.getvalue().splitlines() == [
        "starting",
        "posting",
        "posting: 2 of 10",
        "posting: 4 of 10",
        "posting: 10 of 10",
    ]


def test_a_terminal_shows_the_step_and_how_far_it_is() -> None:
    written = StringIO()

    with steps(Console(file=written, force_terminal=True, width=80, color_system=None)) as shown:
        shown.show("posting", 3, 10)

    assert "posting" in written.getvalue()
    assert "3/10" in written.getvalue()
