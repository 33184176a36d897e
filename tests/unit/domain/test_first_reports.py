import pytest

from app.classify.overlay_file import parse_overlay
from app.domain.alerts import apply_stats, next_due, tick
from app.domain.first_reports import MOST_CODES
from app.domain.rates import decode_rates
from app.events import DeliveryAlert, DeliveryStats
from app.identity import event_id
from app.outputs import Output
from tests.unit.domain.samples import HOUR, MINUTE, POLICY, T0
from tests.unit.domain.test_alerts import KEY, reports

COLUMNS = "tenant,kind,match,codes,reason,attribution,permanence,note"


def unlisted(code: str, *samples: str, reason: str = "unknown", channel: str = "sms") -> DeliveryStats:
    """Return a failure with a code that no table lists."""
    # of the content: the provider's rate stays out of it
    return reports(1, "CONTENT", reason=reason, sample_code=code, unlisted=True, samples=list(samples), channel=channel)


def states(outputs: list[Output]) -> list[tuple[object, object]]:
    return [(output.value["sample_code"], output.value["state"]) for output in outputs]


def test_an_unlisted_code_is_told_at_its_first_report_and_once() -> None:
    """The whole record has what the provider said and what to do; another code is told for itself."""
    rates = decode_rates(None)
    key = "unlisted_code/acme/teekrr/sms/elfo:42"
    alert: DeliveryAlert = {
        "event_id": event_id("delivery.alert", key, "raised", str(T0), "1"),
        "alert_key": key,
        "tenant": "acme",
        "kind": "unlisted_code",
        "state": "raised",
        "summary": "teekrr fails sms messages with the code elfo:42, which no table lists: it is judged as unknown.",
        "action": "Find out what it means and add a line to the overlay file: "
        "`acme,code,elfo:42,,REASON,ATTRIBUTION,PERMANENCE,NOTE`. Try it with "
        "`undelivered classify --channel sms --code elfo:42 --tenant acme --overlay FILE --explain`.",
        "provider": "teekrr",
        "channel": "sms",
        "account": "",
        "reason": "unknown",
        "sample_code": "elfo:42",
        "observed": 1.0,
        "threshold": 1.0,
        "samples": ["no luck", "none at all"],
        "occurred_at": T0,
    }
    told = apply_stats(rates, unlisted("elfo:42", "no luck", "none at all"), POLICY, T0)
    assert told == [Output("delivery.alert", key, alert)]
    assert apply_stats(rates, unlisted("elfo:42", "other words"), POLICY, T0) == []
    assert states(apply_stats(rates, unlisted("elfo:43"), POLICY, T0)) == [("elfo:43", "raised")]


def test_words_without_a_code_are_one_alert() -> None:
    """A phrase is what lists them."""
    rates = decode_rates(None)
    [output] = apply_stats(rates, unlisted("", "what is this"), POLICY, T0)
    assert output.key == output.value["alert_key"] == "unlisted_code/acme/teekrr/sms"
    assert "`acme,sms,PHRASE,,REASON,ATTRIBUTION,PERMANENCE,NOTE`" in str(output.value["action"])
    assert "--channel sms --text TEXT --tenant acme" in str(output.value["action"])
    assert apply_stats(rates, unlisted("", "and this"), POLICY, T0) == []


def test_a_code_that_is_not_heard_of_any_more_is_cleared() -> None:
    """An hour after the last report of it by our clock; then it is news again."""
    rates = decode_rates(None)
    apply_stats(rates, unlisted("elfo:42"), POLICY, T0 + HOUR)
    apply_stats(rates, unlisted("elfo:42"), POLICY, T0 + 2 * HOUR)
    assert next_due(rates, POLICY) == T0 + 3 * HOUR
    assert tick(rates, KEY, POLICY, T0 + 3 * HOUR - 1) == []
    assert states(tick(rates, KEY, POLICY, T0 + 3 * HOUR)) == [("elfo:42", "cleared")]
    assert next_due(rates, POLICY) is None
    assert states(apply_stats(rates, unlisted("elfo:42"), POLICY, T0 + 9 * HOUR)) == [("elfo:42", "raised")]


def test_beyond_so_many_codes_the_next_is_told_when_one_is_cleared() -> None:
    """A provider that sends a code of its own with each message fills no row."""
    rates = decode_rates(None)
    for number in range(MOST_CODES):
        assert len(apply_stats(rates, unlisted(f"elfo:{number}"), POLICY, T0 + number * MINUTE)) == 1
    assert apply_stats(rates, unlisted("elfo:99"), POLICY, T0 + HOUR) == []
    assert states(tick(rates, KEY, POLICY, T0 + HOUR)) == [("elfo:0", "cleared")]
    assert states(apply_stats(rates, unlisted("elfo:99"), POLICY, T0 + HOUR)) == [("elfo:99", "raised")]


def test_a_code_may_be_a_fault_of_ours_as_well() -> None:
    """Judged by its family, it is told by what it is judged as and as a code that somebody may list."""
    fault = unlisted("meta:132999", reason="template_error", channel="whatsapp")
    told = apply_stats(decode_rates(None), fault, POLICY, T0)
    assert [output.value["kind"] for output in told] == ["sender_fault", "unlisted_code"]


@pytest.mark.parametrize(
    ("code", "line", "given"),
    [
        ("ses_bounce:Permanent/New", "acme,code,ses_bounce:Permanent/New,,", "--code ses_bounce:Permanent/New"),
        ('elfo:a,"b"', 'acme,code,"elfo:a,""b""",,', """--code 'elfo:a,"b"'"""),
        ("elfo:$(reboot) ; x", "acme,code,elfo:$(reboot) ; x,,", "--code 'elfo:$(reboot) ; x'"),
    ],
)
def test_what_somebody_else_has_sent_is_quoted_where_it_is_copied_to(code: str, line: str, given: str) -> None:
    """Into a file of comma-separated values and into a shell; the line with its words filled in is a valid overlay."""
    [output] = apply_stats(decode_rates(None), unlisted(code, channel="email"), POLICY, T0)
    action = str(output.value["action"])
    assert f"`{line}REASON,ATTRIBUTION,PERMANENCE,NOTE`" in action
    assert f" {given} --tenant acme " in action
    parse_overlay("own", f"{COLUMNS}\n{line}provider_error,PROVIDER,TRANSIENT,support said so\n")


@pytest.mark.parametrize(
    ("code", "kept"),
    [
        ("elfo:" + "9" * 75, "elfo:" + "9" * 75),
        ("elfo:" + "9" * 155, "elfo:" + "9" * 75),
        ("é" * 160, "é" * 40),
        ('"' * 160, '"' * 40),
        ("\x01" * 160, "\x01" * 13),
    ],
)
def test_of_a_code_that_is_long_as_json_the_beginning_is_kept(code: str, kept: str) -> None:
    """Rows stay small; codes that begin alike are one alert."""
    rates = decode_rates(None)
    assert states(apply_stats(rates, unlisted(code), POLICY, T0)) == [(kept, "raised")]
    assert apply_stats(rates, unlisted(code), POLICY, T0) == []
