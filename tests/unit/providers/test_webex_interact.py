from collections.abc import Callable
from pathlib import Path

import pytest

from app.classify import MAPPING_VERSION
from app.normalize import normalize
from app.outputs import DeadLetter, Normalized, Output, RawRecord

Sample = Callable[..., RawRecord]
Pointer = Callable[[RawRecord], dict[str, object]]

MESSAGE = {
    "event_id": "691af8f0c063333f254d03a39c2b529e",
    "tenant": "acme",
    "provider": "webex-interact",
    "channel": "sms",
    "recipient": "+447810000001",
    "occurred_at": 1_750_853_447_000_000,
    "message_id": "tid_35T5b3cQmfqTu6jcedrdVcSmNHr",
    "account": "acme/webex-interact",
    "provider_account": "",
    "correlation_id": "anexternallyassignedreference",
    "campaign_id": "cmp_214r8u4981u498",
    "recipient_kind": "phone",
    "recipient_given": "+447810000001",
    "event_id_basis": "provider_event_id",
    "provider_event_id": "evt_2z020YIp98J0ow5egHEVQJQd2Sx",
    "provider_event": "failed",
    "provider_sent_at": None,
}
JUDGED = {
    "reason": "unknown",
    "attribution": "UNKNOWN",
    "permanence": "UNDETERMINED",
    "confidence": "UNMAPPED",
    "phase": "UNKNOWN",
    "provider_will_retry": "NO",
    "outcome": "failed",
    "code": "",
    "smtp_reply": "",
    "smtp_enhanced": "",
    "receiver": "",
    "diagnostic": "",
    "mapping_version": MAPPING_VERSION,
}


def test_failed(sample: Sample, pointer: Pointer) -> None:
    raw = sample("webex-failed")
    record = {**MESSAGE, **JUDGED, **pointer(raw)}
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+447810000001", record),))


def test_failed_of_the_middle_generation_names_its_transaction_in_the_correlation(
    sample: Sample, pointer: Pointer
) -> None:
    raw = sample("webex-failed-middle-generation")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "event_id": "de1ece3ef3e41756b5fddc840ab12566",
        "occurred_at": 1_750_853_323_000_000,
        "message_id": "tid_2z01kRVL89GGMsgtgFuHk2hlGMI",
        "correlation_id": "tid_2z01kRVL89GGMsgtgFuHk2hlGMI",
        "campaign_id": "",
        "provider_event_id": "evt_2z01l2qQ8MRVmFZSUQHHxIjVvje",
        "code": "webex_interact:1003",
    }
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+447810000001", record),))


def test_failed_of_the_first_generation_is_known_by_its_content(sample: Sample, pointer: Pointer) -> None:
    raw = sample("webex-failed-first-generation")
    record = {
        **MESSAGE,
        **JUDGED,
        **pointer(raw),
        "event_id": "5be1f98fda3ef250b9a97972a4ec45ef",
        "event_id_basis": "content",
        "message_id": "",
        "campaign_id": "",
        "provider_event_id": "",
    }
    assert normalize(raw) == Normalized((Output("delivery.failed", "acme/+447810000001", record),))


@pytest.mark.parametrize(
    ("status", "kind"), [("submitted", "accepted"), ("delivered", "delivered"), ("clicked", "read")]
)
def test_good_news(sample: Sample, pointer: Pointer, status: str, kind: str) -> None:
    raw = sample("webex-failed", data__status=status)
    record = {**MESSAGE, **pointer(raw), "provider_event": status, "kind": kind}
    assert normalize(raw) == Normalized((Output("delivery.confirmed", "acme/+447810000001", record),))


def test_opt_out_asks_for_a_suppression(sample: Sample, pointer: Pointer) -> None:
    raw = sample("webex-opt-out")
    record = {
        "event_id": "45f02b8eacc3ba73ec79504fcba4006c",
        "tenant": "acme",
        "channel": "sms",
        "recipient": "+447810000001",
        "action": "suppress",
        "reason": "recipient_opted_out",
        "occurred_at": 1_751_360_700_000_000,
        "requested_by": "provider:webex-interact",
        "until": None,
        "note": "",
        **pointer(raw),
    }
    assert normalize(raw) == Normalized((Output("suppression.requested", "acme/+447810000001", record),))


def test_what_people_write_to_us_is_ignored(sample: Sample) -> None:
    assert normalize(sample("webex-inbound")) == Normalized(ignored="inbound")


def test_without_an_id_another_time_phone_or_status_is_another_event(sample: Sample) -> None:
    name = "webex-failed-first-generation"
    raws = [
        sample(name),
        sample(name, time=1_750_853_448_000),
        sample(name, data__phone="+447810000002"),
        sample(name, data__status="delivered"),
        sample(name, data__correlationid="another"),
    ]
    assert len({normalize(raw).outputs[0].value["event_id"] for raw in raws}) == len(raws)


@pytest.mark.parametrize(
    "time", [1_750_853_447_000, 1_750_853_447, "1750853447000", "2025-06-25T12:10:47.000Z", "2025-06-25T14:10:47+0200"]
)
def test_every_spelling_of_a_time_is_the_same_moment(sample: Sample, time: object) -> None:
    assert normalize(sample("webex-failed", time=time)).outputs[0].value["occurred_at"] == 1_750_853_447_000_000


def test_failure_without_recipient_has_a_key_of_its_own(sample: Sample) -> None:
    named = normalize(sample("webex-failed", data__phone_number=None)).outputs[0]
    unnamed = normalize(sample("webex-failed-first-generation", data__phone=None)).outputs[0]
    assert (named.key, unnamed.key) == (
        "acme/~webex-interact/tid_35T5b3cQmfqTu6jcedrdVcSmNHr",
        f"acme/~webex-interact/{unnamed.value['event_id']}",
    )


def test_published_sample_lacks_its_last_brace(sample: Sample) -> None:
    body = (Path(__file__).parent / "samples" / "webex-published-sample.txt").read_bytes().rstrip()
    text = f"body: not JSON, unexpected end of data at byte {len(body)}, expected a JSON object"
    published = sample("webex-failed")._replace(value=body)
    assert normalize(published) == Normalized(dead_letter=DeadLetter("BadInputError", text))
    whole = normalize(published._replace(value=body + b"}"))
    assert whole.outputs[0].value["event_id"] == MESSAGE["event_id"]


TYPES = "com.interact.messages.sms.status, com.interact.messages.sms.opt.out, com.reach.messages.sms.status"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"type": None}, f"type: missing, expected one of {TYPES}"),
        ({"type": [TYPES]}, f"type: a list, expected one of {TYPES}"),
        ({"type": "com.example"}, f"type: text of 11 characters, expected one of {TYPES}"),
        (
            {"data__status": "exploded"},
            (
                "data.status: text of 8 characters, "
                "expected one of submitted, delivered, clicked, failed, inbound, opt_out"
            ),
        ),
        (
            {"time": True, "data__phone_number": 447810000001, "data__code": 1.5, "data__status": None},
            (
                "time: a boolean, expected a time as in 2026-05-06T10:15:00.123Z, or milliseconds since 1970; "
                "data.status: missing, expected text of 1 to 256 characters, no control characters; "
                "data.phone_number: a number, expected text of 1 to 320 characters, or nothing; "
                "data.code: a number, expected text of 1 to 256 characters, no control characters, "
                "a whole number or nothing"
            ),
        ),
    ],
)
def test_wrong_types_are_dead_letters_that_name_every_field(
    sample: Sample, changes: dict[str, object], text: str
) -> None:
    assert normalize(sample("webex-failed", **changes)) == Normalized(dead_letter=DeadLetter("BadInputError", text))


def test_opt_out_of_nobody_is_a_dead_letter(sample: Sample) -> None:
    text = "data.phone_number: missing, expected the number that opted out"
    assert normalize(sample("webex-opt-out", data__phone_number=None)) == Normalized(
        dead_letter=DeadLetter("BadInputError", text)
    )
