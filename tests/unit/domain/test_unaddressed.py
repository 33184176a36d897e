import pytest

from app.domain.unaddressed import forget_at, is_row_key, new_row, row_key
from app.errors import BadInputError
from app.identity import canonical, check_tenant, recipient_key
from tests.unit.domain.samples import DAY, EMAIL, MINUTE, POLICY, SMS, T0, confirmed, failed


def test_two_reports_of_one_failure_are_remembered_as_one() -> None:
    """They share the event id, whatever else they say; another tenant's or another event's row is another one."""
    first = failed("e1", T0, recipient="", outcome="failed")
    second = failed("e1", T0 + MINUTE, "invalid_recipient", recipient="", outcome="bounced")
    others = [failed("e2", T0, recipient=""), failed("e1", T0, recipient="", tenant="globex")]
    assert row_key(first) == row_key(second) == b"~acme/e1"
    assert len({*map(row_key, (first, *others)), row_key(confirmed("e3", T0, recipient=""))}) == 4


@pytest.mark.parametrize("address", [EMAIL, SMS, "~acme/e1", "~prelude/tx_1@example.com", ""])
def test_no_recipient_has_such_a_key(address: str) -> None:
    """Whatever a provider or a visitor of the web calls an address, and a tenant cannot be named so."""
    assert not is_row_key(recipient_key("acme", canonical(address, "").value).encode())
    assert is_row_key(row_key(failed("e1", T0, recipient="")))
    with pytest.raises(BadInputError, match="tenant"):
        check_tenant("~acme")


def test_a_report_is_forgotten_when_the_days_of_memory_are_over() -> None:
    """By its own date, or by its receipt when that cannot be believed."""
    believed = new_row(failed("e1", T0, recipient=""), POLICY.clock)
    skewed = new_row(failed("e1", T0 + 900 * DAY, recipient="", received_at=T0 + DAY), POLICY.clock)
    assert believed == b'{"at":%d}' % T0
    assert forget_at(believed, POLICY.memory) == T0 + 15 * DAY
    assert forget_at(skewed, POLICY.memory) == T0 + 16 * DAY
