import pytest

from app.domain import outages, unlisted
from app.edge import bounds, receipt
from app.errors import BadInputError
from app.providers import redaction


def test_the_timestamp_of_a_record_is_its_receipt_in_microseconds() -> None:
    assert [receipt(0), receipt(1_778_062_500_123), receipt(10**14)] == [0, 1_778_062_500_123_000, 10**17]


@pytest.mark.parametrize("timestamp", [-1, -(2**61), 10**14 + 1, 2**61, -(2**63), 2**63 - 1])
def test_a_timestamp_of_no_date_is_bad_input(timestamp: int) -> None:
    """Producers set it as they like, and a thousand times it does not fit into 64 bits."""
    with pytest.raises(BadInputError) as refused:
        receipt(timestamp)
    assert str(refused.value) == (
        "timestamp: a number out of range, expected milliseconds between 1970 and the year 5138"
    )


def test_what_agents_make_is_within_the_bounds() -> None:
    """The edge lies below the domain, so that its numbers are its own."""
    assert unlisted.MOST_SAMPLES == bounds.MOST_SAMPLES
    assert unlisted.LONGEST_SAMPLE == bounds.LONGEST_SAMPLE
    assert outages.KEPT == bounds.MOST_PERIODS
    assert redaction.LONGEST == bounds.LONGEST_DIAGNOSTIC
    # SES's type and subtype with their namespace
    assert len("ses_bounce:") + 2 * redaction.LONGEST_CODE + 1 <= bounds.LONGEST_CODE
    assert bounds.LATEST + 3 * 60_000_000 < bounds.LATEST_DERIVED
    assert 9 * bounds.MOST_SUM_MICROS < 2**63
