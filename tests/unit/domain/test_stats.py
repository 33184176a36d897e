from app.domain.stats import count_batch
from app.outputs import Output
from tests.unit.domain.samples import HOUR, MINUTE, POLICY, T0, confirmed, failed, gone


def stats(
    outcome: str, minute: int, count: int, reason: str = "", attribution: str = "UNKNOWN", **fields: str
) -> Output:
    """Return an increment of Acme's e-mail through Teekrr."""
    record = {
        "tenant": "acme",
        "provider": "teekrr",
        "channel": "email",
        "outcome": outcome,
        "reason": reason,
        "attribution": attribution,
        "minute": minute,
        "count": count,
        "sample_code": "",
    } | fields
    return Output("delivery.stats", f"acme/{record['provider']}/email", record)


def test_a_batch_is_summed_up_by_minute_and_reason() -> None:
    """Every failure and confirmation is counted once, in the minute of its event."""
    failures = [
        failed("a", T0),
        failed("b", T0 + MINUTE - 1),
        failed("c", T0 + MINUTE),
        gone("d", T0),
        failed("e", T0, "provider_error", attribution="PROVIDER", code="", provider="prelude"),
    ]
    confirmations = [confirmed("f", T0), confirmed("g", T0 + 1), confirmed("h", T0, "accepted")]
    assert count_batch(failures, confirmations, POLICY) == [
        stats("failed", T0, 1, "provider_error", "PROVIDER", provider="prelude"),
        stats("accepted", T0, 1),
        stats("delivered", T0, 2),
        stats("failed", T0, 1, "invalid_recipient", "RECIPIENT", sample_code="smtp:5.1.1"),
        stats("failed", T0, 2, "mailbox_full", "RECIPIENT", sample_code="smtp:4.2.2"),
        stats("failed", T0 + MINUTE, 1, "mailbox_full", "RECIPIENT", sample_code="smtp:4.2.2"),
    ]


def test_a_clock_that_is_ahead_moves_no_window() -> None:
    """A failure dated next week counts in the minute of its receipt."""
    event = failed("a", T0 + 7 * 24 * HOUR, received_at=T0 + 30)
    assert [output.value["minute"] for output in count_batch([event], [], POLICY)] == [T0]


def test_nothing_is_told_of_an_empty_batch() -> None:
    assert count_batch([], [], POLICY) == []
