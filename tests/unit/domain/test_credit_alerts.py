import pytest

from app.domain.credit_alerts import apply_credit, decode_watch, encode_watch, next_due, tick
from app.domain.policy import parse_policy
from app.events import DeliveryAlert
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.samples import DAY, POLICY, T0, credit


def states(outputs: list[Output]) -> list[tuple[object, object]]:
    """Return what was told, in short."""
    return [(output.value["kind"], output.value["state"]) for output in outputs]


def test_low_credit_is_told_once_and_cleared_by_a_grant() -> None:
    """The whole record when less than a tenth is available; nothing more until it is enough again."""
    watch = decode_watch(None)
    assert apply_credit(watch, credit(1000, 100), POLICY, T0) == []
    alert: DeliveryAlert = {
        "event_id": event_id("delivery.alert", "low_credit/acme/teekrr", "raised", str(T0), "1"),
        "alert_key": "low_credit/acme/teekrr",
        "tenant": "acme",
        "kind": "low_credit",
        "state": "raised",
        "summary": "Account acme/teekrr has 9.9 % of its granted credit left.",
        "action": "Grant account acme/teekrr more credit, or stop sending on it before it runs out.",
        "provider": "",
        "channel": "",
        "account": "acme/teekrr",
        "reason": "",
        "sample_code": "",
        "observed": 99.0,
        "threshold": 100.0,
        "samples": [],
        "occurred_at": T0,
    }
    outputs = apply_credit(watch, credit(1000, 99), POLICY, T0)
    assert outputs == [Output("delivery.alert", "low_credit/acme/teekrr", alert)]
    watch = decode_watch(encode_watch(watch))
    assert apply_credit(watch, credit(1000, -5), POLICY, T0) == []
    assert states(apply_credit(watch, credit(2000, 995), POLICY, T0)) == [("low_credit", "cleared")]


def test_an_account_that_was_never_granted_credit_is_not_low() -> None:
    """Accounts that pay afterwards have nothing to run out of."""
    assert apply_credit(decode_watch(None), credit(0, 0), POLICY, T0) == []


def test_an_absolute_floor_counts_as_well() -> None:
    """Whichever of the two limits is higher decides."""
    policy = parse_policy("[alerts]\nlow_credit_micros = 500", "p.toml")
    assert states(apply_credit(decode_watch(None), credit(1000, 499), policy, T0)) == [("low_credit", "raised")]


def test_a_broken_invariant_is_told_once_and_cleared_by_the_next_sound_change() -> None:
    """What is off is in the record."""
    watch = decode_watch(None)
    broken = credit(1000, 900, cause="invariant_broken", spent_micros=98)
    outputs = apply_credit(watch, broken, POLICY, T0)
    assert states(outputs) == [("credit_invariant", "raised")]
    assert outputs[0].value["observed"] == 2.0
    assert apply_credit(watch, broken, POLICY, T0) == []
    assert states(apply_credit(watch, credit(1000, 900), POLICY, T0)) == [("credit_invariant", "cleared")]


def test_stale_reservations_are_told_once_until_there_are_none_for_a_day() -> None:
    """The first names its message; the alert is cleared a day after the last."""
    watch = decode_watch(None)
    stale = credit(1000, 900, cause="reservation_stale")
    outputs = apply_credit(watch, stale, POLICY, T0)
    assert states(outputs) == [("reservation_stale", "raised")]
    assert "message m1" in str(outputs[0].value["action"])
    assert apply_credit(watch, stale, POLICY, T0 + DAY // 2) == []
    due = T0 + DAY // 2 + DAY
    assert next_due(watch) == due
    assert tick(watch, "acme/teekrr", due - 1) == []
    assert states(tick(watch, "acme/teekrr", due)) == [("reservation_stale", "cleared")]
    assert next_due(watch) is None


@pytest.mark.parametrize("cause", ["granted", "reserved", "settled"])
def test_ordinary_changes_raise_nothing(cause: str) -> None:
    """An account with enough credit is quiet."""
    assert apply_credit(decode_watch(None), credit(1000, 500, cause=cause), POLICY, T0) == []
