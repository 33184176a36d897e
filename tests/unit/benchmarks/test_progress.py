import pytest

from benchmarks import progress
from benchmarks.progress import BenchmarkError, Patience, Stillness


class Told:
    """Something watched that has said something."""

    def __init__(self, words: str, error: Exception | None = None) -> None:
        self.words = words
        self.error = error

    def check(self) -> None:
        """Raise its error, if it has one."""
        if self.error is not None:
            raise self.error

    def last_words(self) -> str:
        """Return its words."""
        return self.words


def test_any_change_of_state_starts_the_time_anew() -> None:
    stillness = Stillness(0)
    assert stillness.seconds("1 of 9", 0) == 0
    assert stillness.seconds("1 of 9", 100) == 100
    assert stillness.seconds("2 of 9", 110) == 0
    assert stillness.seconds("2 of 9", 111) == 1


async def test_giving_up_says_what_did_not_move_and_shows_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PATIENCE_S", -1)
    patience = Patience("worker gets ready", [Told("no broker"), Told("")])
    with pytest.raises(BenchmarkError) as raised:
        await patience.look("5 MB")
    assert str(raised.value) == "worker gets ready: nothing moved for -1 s at 5 MB\nno broker"


async def test_what_has_ended_is_not_waited_for() -> None:
    patience = Patience("webhooks", [Told("", BenchmarkError("worker ended with exit code 70"))])
    with pytest.raises(BenchmarkError, match="exit code 70"):
        await patience.look("1 of 9")
