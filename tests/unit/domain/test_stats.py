from app.domain.stats import MOST_CODES, count_batch
from app.outputs import Output
from tests.unit.domain.samples import HOUR, MINUTE, POLICY, T0, confirmed, failed, gone


def stats(
    outcome: str, minute: int, count: int, reason: str = "", attribution: str = "UNKNOWN", **fields: object
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
        "unlisted": False,
        "samples": [],
    } | fields
    return Output("delivery.stats", f"acme/{record['provider']}/email", record)


def test_a_batch_is_summed_up_by_minute_and_reason() -> None:
    """Every failure and confirmation is counted once, in the minute of its event; what was accepted is not."""
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
        stats("delivered", T0, 2),
        stats("failed", T0, 1, "invalid_recipient", "RECIPIENT", sample_code="smtp:5.1.1"),
        stats("failed", T0, 2, "mailbox_full", "RECIPIENT", sample_code="smtp:4.2.2"),
        stats("failed", T0 + MINUTE, 1, "mailbox_full", "RECIPIENT", sample_code="smtp:4.2.2"),
    ]


def test_an_unlisted_code_is_counted_for_itself_with_what_was_said() -> None:
    """Its increments add up with the others; of the texts three different ones are kept."""
    unknown = {"attribution": "UNKNOWN", "confidence": "UNMAPPED", "channel": "sms"}
    failures = [
        failed("a", T0, "unknown", **unknown, code="elfo:42", diagnostic="one"),
        failed("b", T0, "unknown", **unknown, code="elfo:42", diagnostic="one"),
        failed("c", T0, "unknown", **unknown, code="elfo:42", diagnostic=""),
        *(failed(f"d{text}", T0, "unknown", **unknown, code="elfo:42", diagnostic=f"text {text}") for text in range(4)),
        failed("e", T0, "unknown", **unknown, code="", diagnostic="x" * 512),
        failed("f", T0, "unknown", **unknown, code="", diagnostic=""),
    ]
    assert [output.value for output in count_batch(failures, [], POLICY)] == [
        stats("failed", T0, 1, "unknown", channel="sms").value,
        stats("failed", T0, 1, "unknown", channel="sms", unlisted=True, samples=["x" * 120]).value,
        stats(
            "failed",
            T0,
            7,
            "unknown",
            channel="sms",
            sample_code="elfo:42",
            unlisted=True,
            samples=["one", "text 0", "text 1"],
        ).value,
    ]


def test_codes_beyond_a_bound_are_counted_together() -> None:
    """A provider that sends a code of its own with each message makes no increment for each; another is not bound."""
    unknown = {"attribution": "UNKNOWN", "confidence": "UNMAPPED", "channel": "sms"}
    failures = [
        failed(f"e{number}", T0, "unknown", **unknown, code=f"elfo:{number:03}") for number in range(MOST_CODES + 10)
    ]
    failures.append(failed("p", T0, "unknown", **unknown, code="elfo:001", provider="prelude"))
    counted = [output.value for output in count_batch(failures, [], POLICY)]
    assert [(each["provider"], each["unlisted"], each["count"]) for each in counted] == [
        ("prelude", True, 1),
        ("teekrr", False, 10),
        *[("teekrr", True, 1)] * MOST_CODES,
    ]


def test_a_clock_that_is_ahead_moves_no_window() -> None:
    """A failure dated next week counts in the minute of its receipt."""
    event = failed("a", T0 + 7 * 24 * HOUR, received_at=T0 + 30)
    assert [output.value["minute"] for output in count_batch([event], [], POLICY)] == [T0]


def test_nothing_is_told_of_an_empty_batch() -> None:
    assert count_batch([], [], POLICY) == []
