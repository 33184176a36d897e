import pytest

from app.domain.clock import DAY, MINUTE, Moment, judge_time
from tests.unit.domain.samples import POLICY, T0


@pytest.mark.parametrize(
    ("age", "moment"),
    [
        (0, Moment(T0, "")),
        (-60 * MINUTE, Moment(T0 + 60 * MINUTE, "")),
        (-60 * MINUTE - 1, Moment(T0, "skewed")),
        (-1000 * DAY, Moment(T0, "skewed")),
        (30 * DAY, Moment(T0 - 30 * DAY, "")),
        (30 * DAY + 1, Moment(T0 - 30 * DAY - 1, "late")),
        (365 * DAY, Moment(T0 - 365 * DAY, "late")),
        (365 * DAY + 1, Moment(T0, "skewed")),
        (T0, Moment(T0, "skewed")),
    ],
)
def test_a_clock_is_believed_within_limits(age: int, moment: Moment) -> None:
    """Up to an hour ahead and a year behind the provider's date holds; beyond, the receipt is the date."""
    assert judge_time(T0 - age, T0, POLICY.clock) == moment
